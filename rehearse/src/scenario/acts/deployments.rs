//! Deployments that succeed or are refused.

use std::path::Path;

use flipless_settings::layout;

use super::bundles::{changed, with_proxy, with_server};
use crate::bundle::{self, Changes};
use crate::engine::{EngineError, Properties};
use crate::scenario::script::Acted;
use crate::scenario::subject::{SECRET, Subject};

pub fn deploy_from(subject: &mut Subject) -> Acted {
    let bundle = subject.parameters.from.clone();
    subject.deploy(&bundle)
}

pub fn deploy_to(subject: &mut Subject) -> Acted {
    let bundle = subject.parameters.to.clone();
    subject.deploy(&bundle)
}

pub fn deploy_thrice(subject: &mut Subject) -> Acted {
    deploy_to(subject)?;
    deploy_from(subject)?;
    deploy_to(subject)
}

pub fn deploy_changed_proxy(subject: &mut Subject) -> Acted {
    let bundle = with_proxy(subject, "server_tokens off;\n")?;
    subject.deploy(&bundle)?;
    if subject.status().front() == "direct" {
        subject.note(
            "nginx's answers were not checked",
            "in direct mode the server answers the clients itself",
        );
        return Ok(());
    }
    let hidden = subject
        .ask()?
        .headers
        .get("server")
        .is_some_and(|server| server == "nginx");
    subject.check(
        "nginx does not use the new configuration",
        hidden,
        "`server_tokens off` has no effect",
    );
    Ok(())
}

pub fn deploy_broken_proxy(subject: &mut Subject) -> Acted {
    let bundle = with_proxy(subject, "}\n")?;
    refuse(subject, &bundle, "rehearsal.conf")
}

/// A name that EB allows and systemd ignores: a stock server starts without this variable.
const UNTAKEN: &str = "rehearsal:a.b/c+d-e@f";

/// Quotes, spaces, `$`, `%`, a backslash, line breaks of all kinds, an escape character and non-ASCII.
const AWKWARD: &str =
    "a \"b\" 'c' $HOME ${X} %n %% \\ `d`\nsecond line\r\nthird\té 日本 #;\u{1b}[0m";

pub fn change_environment(subject: &mut Subject) -> Acted {
    lack_a_secret(subject)?;
    let name = "FLIPLESS_TEST_VALUE";
    let changes = [(name, Some(AWKWARD)), (UNTAKEN, Some("x"))];
    let deployment = subject.engine.configure(&changes);
    subject.succeed(deployment)?;
    if subject.serves_long_requests()? {
        let answer = subject.get_page(&format!("/env?name={name}"))?;
        let served = String::from_utf8_lossy(&answer.body).into_owned();
        subject.check(
            "the server does not have the new value",
            served == AWKWARD,
            format!("{served:?}"),
        );
    }
    Ok(())
}

/// Sets a secret that only EB's own file contains. The flip must fail, and the current run must stay.
fn lack_a_secret(subject: &mut Subject) -> Acted {
    let (name, value) = ("FLIPLESS_TEST_WITHHELD", "hunter2");
    let before = subject.status().run();
    let withheld = Properties::from([(name.into(), value.into())]);
    subject.engine.withhold_secrets(withheld);
    let deployment = subject.engine.configure(&[(UNTAKEN, Some("x"))]);
    subject.engine.withhold_secrets(Properties::new());
    let in_flip = matches!(&deployment.outcome, Err(EngineError::Command { command, .. }) if command.contains(layout::WEB));
    subject.failed(deployment, in_flip)?;
    let run = subject.status().run();
    let detail = format!("run {before:?} before, {run:?} now");
    subject.check("the current run changed", run == before, detail);
    let said = subject.say("journalctl --no-pager -u web; /opt/flipless/bin/flipless status");
    let told = said.contains(name) && !said.contains(value);
    let fault = "the journal does not name the missing property, or shows its value";
    subject.check(fault, told, said);
    Ok(())
}

/// Restarts the server twice: first without a change, and then after the rotation of a secret.
pub fn restart_app_server(subject: &mut Subject) -> Acted {
    let release = subject.status().release();
    restart(subject)?;
    let same = subject.status().release() == release;
    subject.check("the current release changed", same, "nothing was rotated");
    let rotated = (SECRET.0.to_owned(), "rotated \"again\"".to_owned());
    subject.engine.keep_secrets(Properties::from([rotated]));
    restart(subject)
}

fn restart(subject: &mut Subject) -> Acted {
    let before = subject.status().run();
    let deployment = subject.engine.restart_app_server();
    subject.succeed(deployment)?;
    let after = subject.status().run();
    subject.check(
        "the server was not restarted",
        before != after,
        format!("run {before:?} before, {after:?} now"),
    );
    Ok(())
}

pub fn deploy_slow(subject: &mut Subject) -> Acted {
    let server = bundle::server_of(&subject.parameters.from)?;
    let real = format!("{server}.real");
    let script = format!(
        "#!/bin/sh\nsleep 20\nexec \"${{0%/*}}/{}\" \"$@\"\n",
        file_name(&real)
    );
    let changes = Changes {
        rename: Some((&server, &real)),
        files: &[(&server, &script, 0o755)],
    };
    let bundle = changed(subject, &changes)?;
    subject.deploy(&bundle)
}

pub fn deploy_crashing(subject: &mut Subject) -> Acted {
    let bundle = with_server(
        subject,
        "#!/bin/sh\necho the rehearsal crashes >&2\nexit 7\n",
    )?;
    refuse(subject, &bundle, "the rehearsal crashes")
}

pub fn deploy_hanging(subject: &mut Subject) -> Acted {
    let bundle = with_server(
        subject,
        "#!/bin/sh\necho the rehearsal hangs >&2\nexec sleep 3600\n",
    )?;
    refuse(subject, &bundle, "the rehearsal hangs")
}

/// Uses a configuration deployment, whose hooks must refuse the bundle as the hooks of an application deployment do.
pub fn deploy_unhealthy(subject: &mut Subject) -> Acted {
    // As in the check of the secret, the endpoints show whether the server is the demonstration server.
    if !subject.serves_long_requests()? {
        subject.note(
            "nothing was deployed",
            "only the demonstration server can become unhealthy by a property",
        );
        return Ok(());
    }
    let deployment = subject
        .engine
        .configure(&[("FLIPLESS_TEST_START", Some("unhealthy"))]);
    subject.refused(deployment, "health check")
}

fn refuse(subject: &mut Subject, bundle: &Path, reason: &str) -> Acted {
    let deployment = subject.engine.deploy(bundle);
    subject.refused(deployment, reason)
}

fn file_name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}
