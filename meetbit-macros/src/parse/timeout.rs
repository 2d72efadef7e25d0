//! The value of the option `timeout`, such as `"5s"`.

/// The milliseconds in a text such as `500ms`, `5s` or `2m`, at most a day.
pub(crate) fn millis(text: &str) -> Option<u64> {
    const DAY: u64 = 24 * 60 * 60 * 1000;
    let digits = text.trim_end_matches(|unit: char| unit.is_ascii_lowercase());
    let factor = match &text[digits.len()..] {
        "ms" => 1,
        "s" => 1000,
        "m" => 60_000,
        _ => return None,
    };
    if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None; // `parse` would take a sign
    }
    digits.parse::<u64>().ok()?.checked_mul(factor).filter(|millis| *millis <= DAY)
}

#[cfg(test)]
mod tests {
    use super::millis;

    #[test]
    fn a_time_limit_is_a_number_with_a_unit() {
        assert_eq!(millis("0s"), Some(0));
        assert_eq!(millis("500ms"), Some(500));
        assert_eq!(millis("5s"), Some(5000));
        assert_eq!(millis("1440m"), Some(86_400_000));
        for wrong in ["", "5", "s", "-1s", "+1s", "1.5s", "5 s", "5h", "1441m", "99999999999999999999s"] {
            assert_eq!(millis(wrong), None, "{wrong}");
        }
    }
}
