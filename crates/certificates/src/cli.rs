//! The command line.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use lexopt::{Arg, Parser, ValueExt};

use flipless_certificates::options::{ORDER_LIMIT, Options};

pub const HELP: &str = "\
flipless-certificates: gets certificates for HTTPS from an ACME authority

Usage:
  flipless-certificates renew --settings FILE --state DIR --challenges DIR [--installed FILE] [--force]
      order a certificate if one is due, and write it to certificate.pem in the folder of --state
  flipless-certificates self-signed --domain NAME [--domain NAME]... --out FILE
      write a new key and its self-signed certificate
  flipless-certificates inspect FILE
      show the names, the dates and the issuer of a certificate as JSON

Options of renew:
  --settings FILE       the settings in force (settings-in-force.json)
  --state DIR           the account, the newest certificate and the progress
  --challenges DIR      the folder that nginx serves as /.well-known/acme-challenge/
  --installed FILE      the certificate that nginx serves; used if it is valid for longer than the
                        certificate in the folder of --state
  --force               order now, even if no renewal is due, or if the wait after a failure is not over;
                        replace an open order that the authority does not return
  --connect-to HOST:PORT
                        for tests: fetch the test token from this address, not from each domain
  --order-seconds N     for tests: how long to wait for the validation, and again for the certificate

Exit status: 0 success, 1 failure, 2 misuse
";

/// What to do.
#[derive(Debug, PartialEq, Eq)]
pub enum Command {
    Renew(Options),
    SelfSigned { domains: Vec<String>, out: PathBuf },
    Inspect(PathBuf),
    Help,
    Version,
}

/// Parses the words after the program's name.
///
/// # Errors
/// If the words are not exactly one command with its options.
pub fn parse(words: impl IntoIterator<Item = OsString>) -> Result<Command, lexopt::Error> {
    let mut parser = Parser::from_args(words);
    match parser.next()? {
        None | Some(Arg::Short('h') | Arg::Long("help")) => Ok(Command::Help),
        Some(Arg::Short('V') | Arg::Long("version")) => Ok(Command::Version),
        Some(Arg::Value(name)) if name == "renew" => renew(&mut parser),
        Some(Arg::Value(name)) if name == "self-signed" => self_signed(&mut parser),
        Some(Arg::Value(name)) if name == "inspect" => inspect(&mut parser),
        Some(other) => Err(other.unexpected()),
    }
}

fn renew(parser: &mut Parser) -> Result<Command, lexopt::Error> {
    let (mut settings, mut state, mut challenges) = (None, None, None);
    let (mut installed, mut force, mut connect_to) = (None, false, None);
    let mut order_limit = ORDER_LIMIT;
    while let Some(word) = parser.next()? {
        match word {
            Arg::Long("settings") => settings = Some(parser.value()?.into()),
            Arg::Long("state") => state = Some(parser.value()?.into()),
            Arg::Long("challenges") => challenges = Some(parser.value()?.into()),
            Arg::Long("installed") => installed = Some(parser.value()?.into()),
            Arg::Long("connect-to") => connect_to = Some(parser.value()?.string()?),
            Arg::Long("order-seconds") => {
                order_limit = Duration::from_secs(parser.value()?.parse()?);
            }
            Arg::Long("force") => force = true,
            Arg::Short('h') | Arg::Long("help") => return Ok(Command::Help),
            other => return Err(other.unexpected()),
        }
    }
    Ok(Command::Renew(Options {
        settings: settings.ok_or("--settings is missing")?,
        state: state.ok_or("--state is missing")?,
        challenges: challenges.ok_or("--challenges is missing")?,
        installed,
        force,
        connect_to,
        order_limit,
    }))
}

fn self_signed(parser: &mut Parser) -> Result<Command, lexopt::Error> {
    let (mut domains, mut out) = (Vec::new(), None);
    while let Some(word) = parser.next()? {
        match word {
            Arg::Long("domain") => domains.push(parser.value()?.string()?),
            Arg::Long("out") => out = Some(parser.value()?.into()),
            Arg::Short('h') | Arg::Long("help") => return Ok(Command::Help),
            other => return Err(other.unexpected()),
        }
    }
    if domains.is_empty() {
        return Err("--domain is missing".into());
    }
    let out = out.ok_or("--out is missing")?;
    Ok(Command::SelfSigned { domains, out })
}

fn inspect(parser: &mut Parser) -> Result<Command, lexopt::Error> {
    let file = match parser.next()? {
        Some(Arg::Value(file)) => file.into(),
        Some(Arg::Short('h') | Arg::Long("help")) => return Ok(Command::Help),
        Some(other) => return Err(other.unexpected()),
        None => return Err("FILE is missing".into()),
    };
    match parser.next()? {
        Some(extra) => Err(extra.unexpected()),
        None => Ok(Command::Inspect(file)),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn parsed(line: &str) -> Result<Command, String> {
        parse(line.split_whitespace().map(OsString::from)).map_err(|error| error.to_string())
    }

    #[test]
    fn the_commands_of_the_unit_and_of_the_agent_are_understood() {
        let renew =
            parsed("renew --settings s --state=d --challenges c --installed i --force").unwrap();
        let options = Options {
            settings: "s".into(),
            state: "d".into(),
            challenges: "c".into(),
            installed: Some("i".into()),
            force: true,
            connect_to: None,
            order_limit: ORDER_LIMIT,
        };
        assert_eq!(renew, Command::Renew(options));
        let domains = vec!["a".into(), "b".into()];
        let self_signed = parsed("self-signed --domain a --domain b --out f").unwrap();
        assert_eq!(
            self_signed,
            Command::SelfSigned {
                domains,
                out: "f".into()
            }
        );
        assert_eq!(parsed("inspect f"), Ok(Command::Inspect("f".into())));
        assert_eq!(parsed(""), Ok(Command::Help));
    }

    #[test]
    fn misuse_is_named() {
        for (line, word) in [
            ("renew --state d --challenges c", "--settings"),
            ("self-signed --out f", "--domain"),
            ("inspect", "FILE"),
            ("inspect a b", "b"),
            ("issue", "issue"),
            ("renew --now", "--now"),
        ] {
            let error = parsed(line).unwrap_err();
            assert!(error.contains(word), "{line}: {error}");
        }
    }
}
