//! Path data: x is a number of bins, and y is a distance from the top in pixels.

use std::fmt::Write;

/// A filled outline of steps, one step per bin, above the bottom at `height`.
pub fn area(tops: impl Iterator<Item = f64>, height: f64) -> String {
    let mut path = format!("M0 {height}");
    let mut steps = tops.enumerate().peekable();
    while let Some((index, top)) = steps.next() {
        _ = write!(path, "V{top}");
        let mut end = index + 1;
        while steps.next_if(|&(_, next)| next == top).is_some() {
            end += 1;
        }
        _ = write!(path, "H{end}");
    }
    path + &format!("V{height}Z")
}

/// A bar for each bin that has a top, from the bottom at `height`.
pub fn bars(tops: impl Iterator<Item = Option<f64>>, height: f64) -> String {
    let mut path = String::new();
    for (index, top) in tops.enumerate() {
        if let Some(top) = top {
            _ = write!(path, "M{index} {height}V{top}H{}V{height}Z", index + 1);
        }
    }
    path
}

/// A line through the middle of each bin. The line has a gap at each bin without a value.
pub fn line(values: impl Iterator<Item = Option<f64>>) -> String {
    let mut path = String::new();
    let mut drawing = false;
    for (index, value) in values.enumerate() {
        match value {
            Some(y) if drawing => _ = write!(path, "L{index}.5 {y}"),
            // `h0` draws a single value as a dot.
            Some(y) => _ = write!(path, "M{index}.5 {y}h0"),
            None => {}
        }
        drawing = value.is_some();
    }
    path
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_steps_become_one() {
        assert_eq!(area([5.0, 5.0, 2.0].into_iter(), 10.0), "M0 10V5H2V2H3V10Z");
        assert_eq!(area([].into_iter(), 10.0), "M0 10V10Z");
    }

    #[test]
    fn only_bins_with_a_top_have_bars() {
        assert_eq!(
            bars([None, Some(37.0), Some(0.0)].into_iter(), 40.0),
            "M1 40V37H2V40ZM2 40V0H3V40Z"
        );
    }

    #[test]
    fn a_line_has_a_gap_where_no_request_was_answered() {
        assert_eq!(
            line([Some(1.0), Some(2.0), None, Some(3.0)].into_iter()),
            "M0.5 1h0L1.5 2M3.5 3h0"
        );
    }
}
