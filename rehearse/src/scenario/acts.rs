//! What scenarios do.

use std::path::PathBuf;

use flipless_settings::layout;

use super::error::ScenarioError;
use super::subject::{SECRET, Subject};
use crate::bundle::{self, Changes};
use crate::clock::Window;
use crate::engine::Properties;

type Acted = Result<(), ScenarioError>;

/// The usual beginning: the first bundle runs.
pub(super) fn launch(subject: &mut Subject) -> Acted {
    let (name, value) = SECRET;
    let secrets = Properties::from([(name.to_owned(), value.to_owned())]);
    subject.engine.keep_secrets(secrets);
    let from = subject.parameters.from.clone();
    let deployment = subject.engine.create_environment(&from, Properties::new());
    subject.succeed(deployment)
}

/// An application that knows nothing of flipless runs.
pub(super) fn launch_stock(subject: &mut Subject) -> Acted {
    let bundle = stock_bundle(subject)?;
    let deployment = subject
        .engine
        .create_environment(&bundle, Properties::new());
    subject.succeed(deployment)
}

pub(super) fn deploy_from(subject: &mut Subject) -> Acted {
    let bundle = subject.parameters.from.clone();
    subject.deploy(&bundle)
}

pub(super) fn deploy_to(subject: &mut Subject) -> Acted {
    let bundle = subject.parameters.to.clone();
    subject.deploy(&bundle)
}

pub(super) fn deploy_thrice(subject: &mut Subject) -> Acted {
    deploy_to(subject)?;
    deploy_from(subject)?;
    deploy_to(subject)
}

pub(super) fn deploy_changed_proxy(subject: &mut Subject) -> Acted {
    let bundle = with_proxy(subject, "server_tokens off;\n")?;
    subject.deploy(&bundle)?;
    let hidden = subject
        .ask()?
        .headers
        .get("server")
        .is_some_and(|server| server == "nginx");
    subject.check(
        "the new nginx configuration is in force",
        hidden,
        "server_tokens off",
    );
    Ok(())
}

pub(super) fn deploy_broken_proxy(subject: &mut Subject) -> Acted {
    let bundle = with_proxy(subject, "}\n")?;
    refuse(subject, &bundle, "rehearsal.conf")
}

/// Quotes, spaces, `$`, `%`, a backslash, line breaks and non-ASCII.
const AWKWARD: &str = "a \"b\" 'c' $HOME ${X} %n %% \\ `d`\nsecond line\té 日本 #;";

pub(super) fn change_environment(subject: &mut Subject) -> Acted {
    let name = "FLIPLESS_TEST_VALUE";
    let deployment = subject.engine.configure(&[(name, Some(AWKWARD))]);
    subject.succeed(deployment)?;
    if subject.serves_long_requests()? {
        let answer = subject.get(&format!("/env?name={name}"))?;
        let served = String::from_utf8_lossy(&answer.body).into_owned();
        subject.check(
            "the new value is served",
            served == AWKWARD,
            format!("{served:?}"),
        );
    }
    Ok(())
}

pub(super) fn restart_app_server(subject: &mut Subject) -> Acted {
    let before = subject.status().run();
    let deployment = subject.engine.restart_app_server();
    subject.succeed(deployment)?;
    let after = subject.status().run();
    subject.check(
        "the server was restarted",
        before != after,
        format!("{before:?}, {after:?}"),
    );
    Ok(())
}

pub(super) fn deploy_slow(subject: &mut Subject) -> Acted {
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

pub(super) fn deploy_crashing(subject: &mut Subject) -> Acted {
    let bundle = with_server(
        subject,
        "#!/bin/sh\necho the rehearsal crashes >&2\nexit 7\n",
    )?;
    refuse(subject, &bundle, "the rehearsal crashes")
}

pub(super) fn deploy_hanging(subject: &mut Subject) -> Acted {
    let bundle = with_server(
        subject,
        "#!/bin/sh\necho the rehearsal hangs >&2\nexec sleep 3600\n",
    )?;
    refuse(subject, &bundle, "the rehearsal hangs")
}

/// By a configuration deployment: its hooks must refuse as the others do.
pub(super) fn deploy_unhealthy(subject: &mut Subject) -> Acted {
    let deployment = subject
        .engine
        .configure(&[("FLIPLESS_TEST_START", Some("unhealthy"))]);
    subject.refused(deployment, "health check")
}

pub(super) fn kill_app(subject: &mut Subject) -> Acted {
    let unit = subject
        .status()
        .unit()
        .unwrap_or_else(|| layout::WEB.into());
    kill(subject, &unit)
}

pub(super) fn kill_nginx(subject: &mut Subject) -> Acted {
    let unit = match subject.status().front().as_str() {
        "nginx" => layout::FRONT,
        _ => layout::NGINX,
    };
    kill(subject, unit)
}

/// Kills a unit's main process and waits until there is another.
fn kill(subject: &mut Subject, unit: &str) -> Acted {
    let pid = subject.main_pid(unit);
    let start = subject.clock.now();
    subject.must(&format!(
        "systemctl kill --kill-whom=main --signal=KILL {unit}"
    ))?;
    subject.killed = Some(Window {
        start,
        end: subject.clock.now(),
    });
    subject.wait("another process runs", |subject| {
        let now = subject.main_pid(unit);
        now != pid && now != "0" && subject.say(&format!("systemctl is-active {unit}")) == "active"
    });
    Ok(())
}

pub(super) fn stop_app(subject: &mut Subject) -> Acted {
    let unit = subject
        .status()
        .unit()
        .unwrap_or_else(|| layout::WEB.into());
    subject.must(&format!("systemctl stop {unit}"))?;
    subject.wait("a connection starts it again", |subject| {
        subject.say(&format!("systemctl is-active {unit}")) == "active"
    });
    Ok(())
}

pub(super) fn reboot(subject: &mut Subject) -> Acted {
    let deployment = subject.engine.reboot()?;
    let answer = subject
        .ask()
        .map_or_else(|error| error.to_string(), |a| format!("{:?}", a.outcome));
    subject.check(
        "the first request after the boot is answered",
        answer == "Ok",
        answer.clone(),
    );
    subject.succeed(deployment)
}

pub(super) fn uninstall(subject: &mut Subject) -> Acted {
    subject.must(&format!("{} uninstall", layout::AGENT))?;
    let left = subject.say(&format!(
        "ls -d {} {} /etc/systemd/system/flipless* \
         /usr/lib/systemd/system/*.service.d/{} 2>/dev/null; \
         systemctl list-units --all --plain --no-legend 'flipless*'",
        layout::ROOT,
        layout::STATE_FOLDER,
        layout::DROP_IN
    ));
    subject.check("nothing of flipless is left", left.is_empty(), left);
    let bundle = stock_bundle(subject)?;
    subject.deploy(&bundle)?;
    let body = String::from_utf8_lossy(&subject.ask()?.body).into_owned();
    subject.check(
        "the stock application serves",
        body.contains("release stock"),
        body,
    );
    Ok(())
}

fn stock_bundle(subject: &Subject) -> Result<PathBuf, ScenarioError> {
    let path = subject.parameters.bundles.join("stock-app.zip");
    bundle::stock_app(&path, "stock")?;
    Ok(path)
}

/// A copy of the second bundle with `changes`.
fn changed(subject: &Subject, changes: &Changes) -> Result<PathBuf, ScenarioError> {
    let path = subject.parameters.bundles.join("changed.zip");
    bundle::changed(&subject.parameters.to, &path, changes)?;
    Ok(path)
}

/// The second bundle with a file more for nginx.
fn with_proxy(subject: &Subject, text: &str) -> Result<PathBuf, ScenarioError> {
    let file = (".platform/nginx/conf.d/rehearsal.conf", text, 0o644);
    with_file(subject, file)
}

/// The second bundle with a script for a server.
fn with_server(subject: &Subject, script: &str) -> Result<PathBuf, ScenarioError> {
    let server = bundle::server_of(&subject.parameters.to)?;
    with_file(subject, (&server, script, 0o755))
}

fn with_file(subject: &Subject, file: (&str, &str, u32)) -> Result<PathBuf, ScenarioError> {
    let changes = Changes {
        files: &[file],
        ..Changes::default()
    };
    changed(subject, &changes)
}

fn refuse(subject: &mut Subject, bundle: &std::path::Path, reason: &str) -> Acted {
    let deployment = subject.engine.deploy(bundle);
    subject.refused(deployment, reason)
}

fn file_name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}
