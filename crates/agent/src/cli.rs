//! Parses the command line into a [`Command`].

use std::ffi::OsString;

use lexopt::{Arg, Parser, ValueExt};

use crate::commands::Command;
use crate::commands::stand_in::StandIn;

pub const HELP: &str = "\
flipless: deployments to AWS Elastic Beanstalk (EB) without an outage

Usage: flipless COMMAND

Called by the bundle's hooks, as root:
  stage            start the bundle in this directory beside the current release
  commit           after EB's flip: complete the deployment, remove old releases, check nginx
  front-settle     in the last postdeploy hook: load nginx's configuration if this was postponed

By hand, as root:
  abort            discard a deployment that EB has not flipped to yet
  rollback         return to the previous release, which starts beside the current one
  restart          start the current release again, beside the current run
  status [--json]  show releases, listeners, nginx and HTTPS
  uninstall        give the instance back to stock Elastic Beanstalk

Stand-ins, which EB stops and starts in place of the real processes:
  stand-in web     the stand-in of the server, in web.service
  stand-in nginx   the stand-in of nginx, in nginx.service

Called by systemd units: identify, install-certificate, activate, expire, recover, run-ended RUN,
web-starting, web-started, front-starting, front-exec, front-started PID, front-reload,
front-sync, front-check, front-renew, record-pid NAME PID

Exit status: 0 success, 1 failure, 2 misuse
";

/// Parses the words after the program's name.
///
/// # Errors
/// If the words are not exactly one command with its arguments.
pub fn parse(words: impl IntoIterator<Item = OsString>) -> Result<Command, lexopt::Error> {
    let mut parser = Parser::from_args(words);
    let Some(first) = parser.next()? else {
        return Ok(Command::Help);
    };
    let command = match first {
        Arg::Short('h') | Arg::Long("help") => Command::Help,
        Arg::Short('V') | Arg::Long("version") => Command::Version,
        Arg::Value(name) => named(&name.string()?, &mut parser)?,
        other => return Err(other.unexpected()),
    };
    match parser.next()? {
        Some(Arg::Short('h') | Arg::Long("help")) => Ok(Command::Help),
        Some(extra) => Err(extra.unexpected()),
        None => Ok(command),
    }
}

fn named(name: &str, parser: &mut Parser) -> Result<Command, lexopt::Error> {
    Ok(match name {
        "stage" => Command::Stage,
        "commit" => Command::Commit,
        "abort" => Command::Abort,
        "rollback" => Command::Rollback,
        "restart" => Command::Restart,
        "status" => Command::Status {
            json: json_flag(parser)?,
        },
        "uninstall" => Command::Uninstall,
        "stand-in" => Command::StandIn(value(parser, "`web` or `nginx`")?.parse_with(stand_in)?),
        "activate" => Command::Activate,
        "expire" => Command::Expire,
        "identify" => Command::Identify,
        "install-certificate" => Command::InstallCertificate,
        "recover" => Command::Recover,
        "run-ended" => Command::RunEnded {
            run: value(parser, "the name of a run")?.parse_with(run_name)?,
        },
        "web-starting" => Command::WebStarting,
        "web-started" => Command::WebStarted,
        "front-starting" => Command::FrontStarting,
        "front-exec" => Command::FrontExec,
        "front-started" => Command::FrontStarted {
            pid: value(parser, "a process id")?.parse()?,
        },
        "front-reload" => Command::FrontReload,
        "front-sync" => Command::FrontSync,
        "front-settle" => Command::FrontSettle,
        "front-check" => Command::FrontCheck,
        "front-renew" => Command::FrontRenew,
        "record-pid" => Command::RecordPid {
            name: value(parser, "a name")?.parse_with(pid_name)?,
            pid: value(parser, "a process id")?.parse()?,
        },
        "help" => Command::Help,
        other => return Err(format!("there is no command `{other}`").into()),
    })
}

/// Returns the next word. The error names the missing value.
fn value(parser: &mut Parser, what: &str) -> Result<OsString, lexopt::Error> {
    parser
        .value()
        .map_err(|_| format!("{what} is missing").into())
}

fn json_flag(parser: &mut Parser) -> Result<bool, lexopt::Error> {
    match parser.next()? {
        None => Ok(false),
        Some(Arg::Long("json")) => Ok(true),
        Some(other) => Err(other.unexpected()),
    }
}

fn stand_in(name: &str) -> Result<StandIn, String> {
    match name {
        "web" => Ok(StandIn::Web),
        "nginx" => Ok(StandIn::Nginx),
        other => Err(format!(
            "there is no stand-in for `{other}`: use `web` or `nginx`"
        )),
    }
}

/// Checks the name of a run, because the name becomes a part of paths and unit names.
fn run_name(name: &str) -> Result<String, &'static str> {
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '-';
    match name.is_empty() || !name.chars().all(plain) {
        true => Err("the name of a run has only letters, digits and `-`"),
        false => Ok(name.to_owned()),
    }
}

fn pid_name(name: &str) -> Result<String, &'static str> {
    let plain = !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric());
    if plain {
        Ok(name.to_owned())
    } else {
        Err("a name has only letters and digits")
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    proptest::proptest! {
        #![proptest_config(flipless_testing::any_input(2048))]

        /// Every accepted name is safe as a part of paths and unit names.
        #[test]
        fn any_words_are_a_command_or_misuse(
            first in "stage|status|run-ended|record-pid|stand-in|front-started|.{0,8}",
            rest in proptest::collection::vec("[a-z0-9./-]{0,8}|--?[a-z]{0,5}(=.{0,3})?|.{0,8}", 0..3),
        ) {
            let words = std::iter::once(first).chain(rest).map(OsString::from);
            if let Ok(Command::RunEnded { run: name } | Command::RecordPid { name, .. }) = parse(words) {
                proptest::prop_assert!(!name.is_empty() && !name.contains(['/', '.', '\0', '\n']), "{name:?}");
            }
        }
    }

    fn words(line: &str) -> Result<Command, String> {
        parse(line.split_whitespace().map(OsString::from)).map_err(|error| error.to_string())
    }

    #[test]
    fn commands_and_their_arguments() {
        assert_eq!(words("stage"), Ok(Command::Stage));
        assert_eq!(words("status"), Ok(Command::Status { json: false }));
        assert_eq!(words("status --json"), Ok(Command::Status { json: true }));
        assert_eq!(
            words("stand-in nginx"),
            Ok(Command::StandIn(StandIn::Nginx))
        );
        assert_eq!(
            words("front-started 17"),
            Ok(Command::FrontStarted { pid: 17 })
        );
        let run = "3fa9c1-7".to_owned();
        assert_eq!(words("run-ended 3fa9c1-7"), Ok(Command::RunEnded { run }));
        assert_eq!(words(""), Ok(Command::Help));
        assert_eq!(words("stage --help"), Ok(Command::Help));
    }

    #[test]
    fn an_error_names_the_missing_value() {
        assert_eq!(
            words("stand-in").unwrap_err(),
            "`web` or `nginx` is missing"
        );
        assert_eq!(
            words("record-pid web").unwrap_err(),
            "a process id is missing"
        );
    }

    #[test]
    fn anything_else_is_misuse() {
        for line in [
            "stagee",
            "stage now",
            "stand-in",
            "stand-in httpd",
            "status --jsn",
            "front-started x",
            "record-pid ../x 1",
            "run-ended ../x",
            "--stage",
        ] {
            assert!(words(line).is_err(), "{line}");
        }
    }
}
