/// Prints a table in Markdown.
pub fn print(title: &str, head: &[&str], rows: &[Vec<String>], note: &str) {
    println!("\n### {title}\n\n| {} |\n|{}", head.join(" | "), "---|".repeat(head.len()));
    for row in rows {
        println!("| {} |", row.join(" | "));
    }
    println!("\n{note}");
}

/// A number as people read it: `106,873`, `3.7`.
pub fn figure(value: f64) -> String {
    if value.abs() < 100.0 {
        return format!("{value:.1}").trim_end_matches(".0").to_owned();
    }
    let digits = format!("{value:.0}");
    let mut text = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i) % 3 == 0 {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

pub fn ratio(value: f64, to: f64) -> String {
    format!("{:.2}", value / to)
}
