//! The measurements, one in each module, and the choice between them.

mod agent;
mod deployment;
mod dist;
mod front;
mod idle;
mod instructions;
mod packing;
mod relay;
mod requests;
mod second_release;
mod stand_in;
mod start;

use crate::measurement::Measurement;
use crate::row::Row;

/// All measurements; quick ones first.
const ALL: &[Measurement] = &[
    stand_in::MEASUREMENT,
    dist::MEASUREMENT,
    instructions::MEASUREMENT,
    requests::MEASUREMENT,
    idle::MEASUREMENT,
    relay::MEASUREMENT,
    second_release::MEASUREMENT,
    start::MEASUREMENT,
    agent::MEASUREMENT,
    front::MEASUREMENT,
    deployment::MEASUREMENT,
    packing::MEASUREMENT,
];

/// All rows, in the order of the table.
pub fn all() -> impl Iterator<Item = &'static Row> {
    ALL.iter().flat_map(|measurement| measurement.rows)
}

/// Returns the measurements that fill the named rows, or all measurements if `names` is empty.
pub fn chosen(names: &[String]) -> impl Iterator<Item = &'static Measurement> {
    ALL.iter().filter(move |measurement| {
        let is_named = |row: &Row| names.iter().any(|name| name == row.name);
        names.is_empty() || measurement.rows.iter().any(is_named)
    })
}

/// Parses the name of a row.
///
/// # Errors
/// If there is no such row. The error lists the names.
pub fn known(name: &str) -> Result<String, String> {
    match all().any(|row| row.name == name) {
        true => Ok(name.to_owned()),
        false => {
            let names: Vec<_> = all().map(|row| row.name).collect();
            Err(format!("the rows are {}", names.join(", ")))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn each_row_has_a_name_of_its_own() {
        let names: BTreeSet<_> = all().map(|row| row.name).collect();
        assert_eq!(names.len(), all().count());
        assert!(known("no-such-row").is_err_and(|error| error.contains("stand-in-memory")));
        assert_eq!(chosen(&["pack-size".into()]).count(), 1);
    }
}
