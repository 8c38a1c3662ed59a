//! Places instructions in as few rows as their labels need.

use std::time::Duration;

use serde::Serialize;

use super::geometry::round;
use crate::instruction::Instruction;
use crate::report::format;

/// The width of one character of a label, in percent of the narrowest plot (a phone's).
const CHARACTER: f64 = 100.0 * 6.1 / 280.0;
/// Longer names are shortened. The table below the picture shows the whole names.
const LONGEST: usize = 20;

/// The bar and the label of an instruction; x and width in percent.
#[derive(Debug, PartialEq, Serialize)]
pub struct Lane {
    /// The row, counted from the top.
    pub row: usize,
    x: f64,
    width: f64,
    label: String,
    label_x: f64,
    /// The `text-anchor`: a label in the right half ends where its bar ends.
    anchor: &'static str,
}

/// Puts each instruction into the first row where neither its bar nor its label overlaps another one.
pub fn pack(instructions: &[Instruction], x: impl Fn(Duration) -> f64) -> Vec<Lane> {
    let mut rows: Vec<Vec<(f64, f64)>> = Vec::new();
    let lane = |instruction: &Instruction| {
        let (start, end) = (x(instruction.start), x(instruction.end));
        let label = label(instruction);
        let width = label.chars().count() as f64 * CHARACTER;
        let (anchor, label_x, taken) = if start <= 50.0 {
            ("start", start, (start, end.max(start + width)))
        } else {
            ("end", end, (start.min(end - width), end))
        };
        let free = |row: &Vec<(f64, f64)>| {
            row.iter()
                .all(|other| taken.1 + 1.0 <= other.0 || other.1 + 1.0 <= taken.0)
        };
        let row = rows.iter().position(free).unwrap_or_else(|| {
            rows.push(Vec::new());
            rows.len() - 1
        });
        rows[row].push(taken);
        Lane {
            row,
            x: start,
            width: round((end - start).max(0.0)),
            label,
            label_x,
            anchor,
        }
    };
    instructions.iter().map(lane).collect()
}

fn label(instruction: &Instruction) -> String {
    let length = format::duration(instruction.end.saturating_sub(instruction.start));
    if instruction.name.chars().count() <= LONGEST {
        return format!("{} {length}", instruction.name);
    }
    let name: String = instruction.name.chars().take(LONGEST - 1).collect();
    format!("{name}… {length}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn instruction(name: &str, start: u64, end: u64) -> Instruction {
        Instruction {
            name: name.into(),
            start: Duration::from_secs(start),
            end: Duration::from_secs(end),
        }
    }

    fn rows(instructions: &[Instruction]) -> Vec<usize> {
        pack(instructions, |moment| moment.as_secs_f64())
            .iter()
            .map(|lane| lane.row)
            .collect()
    }

    #[test]
    fn labels_that_would_overlap_are_in_different_rows() {
        assert_eq!(
            rows(&[
                instruction("predeploy hooks", 10, 11),
                instruction("flip", 12, 13),
                instruction("start", 98, 99)
            ]),
            [0, 1, 0]
        );
    }

    #[test]
    fn a_label_in_the_right_half_ends_with_its_bar() {
        let lanes = pack(&[instruction("flip", 80, 90)], |moment| {
            moment.as_secs_f64()
        });
        assert_eq!((lanes[0].anchor, lanes[0].label_x), ("end", 90.0));
    }

    #[test]
    fn a_long_name_is_shortened() {
        assert_eq!(
            label(&instruction(&"x".repeat(50), 1, 3)),
            format!("{}… 2.0 s", "x".repeat(19))
        );
    }
}
