//! The machine and the date of a report.

use std::fs;
use std::thread;

use serde::Serialize;

use crate::process;

/// Where and when the rows were measured.
#[derive(Serialize)]
pub struct Machine {
    pub processor: String,
    pub processors: usize,
    pub kernel: String,
    pub rust: String,
    /// The UTC date, as YYYY-MM-DD.
    pub date: String,
}

impl Machine {
    pub fn this() -> Self {
        let text = |program: &str, words: &[&str]| {
            let output = process::output(program, words);
            output.map_or("unknown".into(), |text| text.trim().to_owned())
        };
        Self {
            processor: processor().unwrap_or("unknown".into()),
            processors: thread::available_parallelism().map_or(1, Into::into),
            kernel: text("uname", &["-r"]),
            rust: text("rustc", &["--version"]),
            date: text("date", &["-u", "+%Y-%m-%d"]),
        }
    }
}

fn processor() -> Option<String> {
    let info = fs::read_to_string("/proc/cpuinfo").ok()?;
    let line = info.lines().find(|line| line.starts_with("model name"))?;
    Some(line.split_once(':')?.1.trim().to_owned())
}
