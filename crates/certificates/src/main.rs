//! The program for certificates. A timer starts it as a separate user, to order certificates. The agent calls it to
//! read a certificate file, or to make a self-signed one.

mod cli;

use std::io::Write;
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, Error, Result};

use cli::Command;
use flipless_certificates::certificate::Certificate;
use flipless_certificates::failure::Failure;
use flipless_certificates::{clock, files, problem, renew, self_signed};

fn main() -> ExitCode {
    let command = match cli::parse(std::env::args_os().skip(1)) {
        Ok(command) => command,
        Err(error) => {
            eprintln!("error: {error}\nhint: `flipless-certificates --help` shows the commands");
            return ExitCode::from(2);
        }
    };
    match execute(&command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            report(&error);
            ExitCode::FAILURE
        }
    }
}

fn execute(command: &Command) -> Result<()> {
    match command {
        Command::Renew(options) => renew::run(options).context("no new certificate"),
        Command::SelfSigned { domains, out } => make_self_signed(domains, out),
        Command::Inspect(file) => inspect(file),
        Command::Help => print(cli::HELP),
        Command::Version => print(concat!(
            "flipless-certificates ",
            env!("CARGO_PKG_VERSION"),
            "\n"
        )),
    }
}

fn make_self_signed(domains: &[String], out: &Path) -> Result<()> {
    let content = self_signed::file(domains, clock::now());
    let content =
        content.with_context(|| format!("cannot make a certificate for {}", domains.join(", ")))?;
    files::write(out, content.as_bytes(), 0o600).with_context(|| out.display().to_string())
}

fn inspect(file: &Path) -> Result<()> {
    let place = || file.display().to_string();
    let content = files::read(file).with_context(place)?;
    let certificate = Certificate::parse(&content).with_context(place)?;
    print(&(serde_json::to_string(&certificate.facts)? + "\n"))
}

fn print(text: &str) -> Result<()> {
    std::io::stdout()
        .write_all(text.as_bytes())
        .context("standard output")
}

/// Prints one line for the failure, one for each cause that the previous line does not contain, and the hint.
fn report(error: &Error) {
    let mut last = String::new();
    for (number, cause) in error.chain().enumerate() {
        let line = problem::plain(&cause.to_string());
        if number == 0 {
            eprintln!("error: {line}");
        } else if !last.contains(&line) {
            eprintln!("  caused by: {line}");
        }
        last = line;
    }
    if let Some(hint) = error.downcast_ref::<Failure>().and_then(Failure::hint) {
        eprintln!("hint: {hint}");
    }
}
