//! Client-side checks refuse only what the server is sure to refuse.

use meetbit_client::{Checks, NewCustomer, Validate};

fn refuses_email(text: &str) -> bool {
    Checks::new().email("email", Some(text)).finish().is_err()
}

fn refuses_phone(text: &str) -> bool {
    Checks::new().phone("contact_number", Some(text)).finish().is_err()
}

#[test]
fn an_email_that_the_server_may_take_is_sent() {
    let accepted = [
        "ada@example.com",
        " ada@example.com",
        "ada@example.com \r\n",
        "\u{feff}ada@example.com\u{200b}",
        "\u{a0}ada@example.com",
        "",
        " ",
        "ada(the countess)@example.com",
        "(c)ada@example.com",
        "ada@(home)example.com",
        "ada@example.com(work)",
        "ada (x)@example.com",
        "\"ada lovelace\"@example.com",
        "\"a\".b@example.com",
        "ada @example.com",
        "ada@ example.com",
        "ada@[192.0.2.1]",
        "ä@bücher.example",
        "a+b-c_d@localhost",
    ];
    for text in accepted {
        assert!(!refuses_email(text), "{text:?}");
    }
    let refused = [
        "ada",
        "@",
        "ada@",
        "@example.com",
        "a b@example.com",
        "ada@exam ple.com",
        "ada@@example.com",
        ".ada@example.com",
        "ada.@example.com",
        "a..b@example.com",
        "ada@example..com",
        "ada@example.com.",
        "ada\n@example.com",
        "a\0b@example.com",
        "(comment)@",
    ];
    for text in refused {
        assert!(refuses_email(text), "{text:?}");
    }
}

#[test]
fn a_number_that_the_server_may_take_is_sent() {
    for text in ["+15551234567", " +15551234567", "+15551234567\n", "", " ", "\u{feff}+15551234567"] {
        assert!(!refuses_phone(text), "{text:?}");
    }
    for text in ["15551234567", "+0555123456", "+1 5551234567", "+1", "+1234567890123456", "+1555x", "x"] {
        assert!(refuses_phone(text), "{text:?}");
    }
}

#[test]
fn blanks_around_a_text_do_not_count() {
    let refuses = |text: &str| Checks::new().max_length("name", Some(text), 5).finish().is_err();
    for text in ["12345", " 12345 ", "\t\t\t\t12345", "          ", "äöüßé "] {
        assert!(!refuses(text), "{text:?}");
    }
    for text in ["123456", "1   23456", "äöüßéß"] {
        assert!(refuses(text), "{text:?}");
    }
    let customer = NewCustomer::new().email("").contact_number(" ").first_name(format!("{:<300}", "Ada"));
    assert!(customer.validate().is_ok());
}
