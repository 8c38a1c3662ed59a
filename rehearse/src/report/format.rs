//! Formats numbers and names for people.

use std::time::Duration;

use super::rehearsal::STOCK;

/// Groups the digits of a number: `20412` becomes `20,412`.
pub fn count(value: usize) -> String {
    let digits = value.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Milliseconds without their unit, with about three digits: `0.42`, `3.1`, `1,312`.
pub fn ms(value: f64) -> String {
    match value.abs() {
        size if !size.is_finite() => "–".into(),
        size if size < 0.995 => format!("{value:.2}"),
        size if size < 99.95 => format!("{value:.1}"),
        // The cast saturates: no latency is more than 2^64 ms.
        size => format!(
            "{}{}",
            if value < 0.0 { "-" } else { "" },
            count(size.round() as usize)
        ),
    }
}

/// The change from one latency to another, in milliseconds: `+0.3`, `−1.2`.
pub fn change(from: f64, to: f64) -> String {
    let text = ms(to - from);
    match text.strip_prefix('-') {
        Some("0.00") => "0.00".into(),
        Some(size) => format!("−{size}"),
        None if to > from && text != "0.00" => format!("+{text}"),
        None => text,
    }
}

/// Seconds with their unit: `0.24 s`, `8.2 s`, `131 s`.
pub fn seconds(value: f64) -> String {
    match value.abs() {
        size if size < 0.995 => format!("{value:.2} s"),
        size if size < 99.95 => format!("{value:.1} s"),
        _ => format!("{value:.0} s"),
    }
}

/// A duration in seconds, as [`seconds`] formats them.
pub fn duration(value: Duration) -> String {
    seconds(value.as_secs_f64())
}

/// A share as a percentage: `0 %`, `< 0.01 %`, `4.1 %`. Never rounds a share to 0 % or to 100 %.
pub fn share(part: usize, whole: usize) -> String {
    match (part, whole) {
        (0, _) | (_, 0) => "0 %".into(),
        (part, whole) if part >= whole => "100 %".into(),
        (part, whole) => match 100.0 * part as f64 / whole as f64 {
            percent if percent < 0.01 => "< 0.01 %".into(),
            percent if percent < 1.0 => format!("{percent:.2} %"),
            percent => format!("{:.1} %", percent.min(99.9)),
        },
    }
}

/// The name of a front mode on the page.
pub fn front(name: &str) -> String {
    match name {
        "nginx" | "direct" => format!("flipless, {name} front"),
        STOCK => "stock Elastic Beanstalk".into(),
        other => other.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_thousands() {
        assert_eq!(
            [0, 999, 1000, 1234567].map(count),
            ["0", "999", "1,000", "1,234,567"]
        );
    }

    #[test]
    fn milliseconds_keep_about_three_digits() {
        assert_eq!(
            [0.421, 3.12, 99.96, 1312.4, -0.5].map(ms),
            ["0.42", "3.1", "100", "1,312", "-0.50"]
        );
        assert_eq!(ms(f64::NAN), "–");
    }

    #[test]
    fn a_change_has_a_sign_unless_it_is_zero() {
        assert_eq!(change(1.0, 1.4), "+0.40");
        assert_eq!(change(3.0, 1.8), "−1.2");
        assert_eq!(change(3.0, 3.0), "0.00");
        assert_eq!(change(3.001, 3.0), "0.00");
    }

    #[test]
    fn a_share_never_rounds_to_none_or_all() {
        assert_eq!(share(0, 10), "0 %");
        assert_eq!(share(1, 1_000_000), "< 0.01 %");
        assert_eq!(share(41, 1000), "4.1 %");
        assert_eq!(share(999_999, 1_000_000), "99.9 %");
        assert_eq!(share(3, 3), "100 %");
    }
}
