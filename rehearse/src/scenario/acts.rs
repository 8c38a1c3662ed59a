//! What scenarios do.

use std::path::PathBuf;

use super::{ScenarioError, Stage};
use crate::bundle::{self, Changes};
use crate::clock::Window;
use crate::engine::Properties;

type Acted = Result<(), ScenarioError>;

/// The usual beginning: the first bundle runs.
pub(super) fn launch(stage: &mut Stage) -> Acted {
    let from = stage.setting.from.clone();
    let deployment = stage.engine.create_environment(&from, Properties::new());
    stage.succeed(deployment)
}

/// An application that knows nothing of flipless runs.
pub(super) fn launch_stock(stage: &mut Stage) -> Acted {
    let bundle = stock_bundle(stage)?;
    let deployment = stage.engine.create_environment(&bundle, Properties::new());
    stage.succeed(deployment)
}

pub(super) fn deploy_from(stage: &mut Stage) -> Acted {
    let bundle = stage.setting.from.clone();
    stage.deploy(&bundle)
}

pub(super) fn deploy_to(stage: &mut Stage) -> Acted {
    let bundle = stage.setting.to.clone();
    stage.deploy(&bundle)
}

pub(super) fn deploy_thrice(stage: &mut Stage) -> Acted {
    deploy_to(stage)?;
    deploy_from(stage)?;
    deploy_to(stage)
}

pub(super) fn deploy_changed_proxy(stage: &mut Stage) -> Acted {
    let bundle = with_proxy(stage, "server_tokens off;\n")?;
    stage.deploy(&bundle)?;
    let hidden = stage
        .ask()?
        .headers
        .get("server")
        .is_some_and(|server| server == "nginx");
    stage.check(
        "the new nginx configuration is in force",
        hidden,
        "server_tokens off",
    );
    Ok(())
}

pub(super) fn deploy_broken_proxy(stage: &mut Stage) -> Acted {
    let bundle = with_proxy(stage, "}\n")?;
    refuse(stage, &bundle, "rehearsal.conf")
}

/// Quotes, spaces, `$`, `%`, a backslash, line breaks and non-ASCII.
const AWKWARD: &str = "a \"b\" 'c' $HOME ${X} %n %% \\ `d`\nsecond line\té 日本 #;";

pub(super) fn change_environment(stage: &mut Stage) -> Acted {
    let name = "FLIPLESS_TEST_VALUE";
    let deployment = stage.engine.configure(&[(name, Some(AWKWARD))]);
    stage.succeed(deployment)?;
    if stage.serves_long_requests()? {
        let answer = stage.get(&format!("/env?name={name}"))?;
        let served = String::from_utf8_lossy(&answer.body).into_owned();
        stage.check(
            "the new value is served",
            served == AWKWARD,
            format!("{served:?}"),
        );
    }
    Ok(())
}

pub(super) fn restart_app_server(stage: &mut Stage) -> Acted {
    let before = stage.status().run();
    let deployment = stage.engine.restart_app_server();
    stage.succeed(deployment)?;
    let after = stage.status().run();
    stage.check(
        "the server was restarted",
        before != after,
        format!("{before:?}, {after:?}"),
    );
    Ok(())
}

pub(super) fn deploy_slow(stage: &mut Stage) -> Acted {
    let server = bundle::server_of(&stage.setting.from)?;
    let real = format!("{server}.real");
    let script = format!(
        "#!/bin/sh\nsleep 20\nexec \"${{0%/*}}/{}\" \"$@\"\n",
        file_name(&real)
    );
    let changes = Changes {
        rename: Some((&server, &real)),
        files: &[(&server, &script, 0o755)],
    };
    let bundle = changed(stage, &changes)?;
    stage.deploy(&bundle)
}

pub(super) fn deploy_crashing(stage: &mut Stage) -> Acted {
    let bundle = with_server(stage, "#!/bin/sh\necho the rehearsal crashes >&2\nexit 7\n")?;
    refuse(stage, &bundle, "the rehearsal crashes")
}

pub(super) fn deploy_hanging(stage: &mut Stage) -> Acted {
    let bundle = with_server(
        stage,
        "#!/bin/sh\necho the rehearsal hangs >&2\nexec sleep 3600\n",
    )?;
    refuse(stage, &bundle, "the rehearsal hangs")
}

/// By a configuration deployment: its hooks must refuse as the others do.
pub(super) fn deploy_unhealthy(stage: &mut Stage) -> Acted {
    let deployment = stage
        .engine
        .configure(&[("FLIPLESS_TEST_START", Some("unhealthy"))]);
    stage.refused(deployment, "health check")
}

pub(super) fn kill_app(stage: &mut Stage) -> Acted {
    let unit = stage
        .status()
        .unit()
        .unwrap_or_else(|| "web.service".into());
    kill(stage, &unit)
}

pub(super) fn kill_nginx(stage: &mut Stage) -> Acted {
    let unit = match stage.status().front().as_str() {
        "nginx" => "flipless-front.service",
        _ => "nginx.service",
    };
    kill(stage, unit)
}

/// Kills a unit's main process and waits until there is another.
fn kill(stage: &mut Stage, unit: &str) -> Acted {
    let pid = stage.main_pid(unit);
    let start = stage.clock.now();
    stage.must(&format!(
        "systemctl kill --kill-whom=main --signal=KILL {unit}"
    ))?;
    stage.killed = Some(Window {
        start,
        end: stage.clock.now(),
    });
    stage.wait("another process runs", |stage| {
        let now = stage.main_pid(unit);
        now != pid && now != "0" && stage.say(&format!("systemctl is-active {unit}")) == "active"
    });
    Ok(())
}

pub(super) fn stop_app(stage: &mut Stage) -> Acted {
    let unit = stage
        .status()
        .unit()
        .unwrap_or_else(|| "web.service".into());
    stage.must(&format!("systemctl stop {unit}"))?;
    stage.wait("a connection starts it again", |stage| {
        stage.say(&format!("systemctl is-active {unit}")) == "active"
    });
    Ok(())
}

pub(super) fn reboot(stage: &mut Stage) -> Acted {
    let deployment = stage.engine.reboot()?;
    let answer = stage
        .ask()
        .map_or_else(|error| error.to_string(), |a| format!("{:?}", a.outcome));
    stage.check(
        "the first request after the boot is answered",
        answer == "Ok",
        answer.clone(),
    );
    stage.succeed(deployment)
}

pub(super) fn uninstall(stage: &mut Stage) -> Acted {
    stage.must("/opt/flipless/bin/flipless uninstall")?;
    let left = stage.say(
        "ls -d /opt/flipless /var/lib/flipless /etc/systemd/system/flipless* \
         /usr/lib/systemd/system/*.service.d/zz-flipless.conf 2>/dev/null; \
         systemctl list-units --all --plain --no-legend 'flipless*'",
    );
    stage.check("nothing of flipless is left", left.is_empty(), left);
    let bundle = stock_bundle(stage)?;
    stage.deploy(&bundle)?;
    let body = String::from_utf8_lossy(&stage.ask()?.body).into_owned();
    stage.check(
        "the stock application serves",
        body.contains("release stock"),
        body,
    );
    Ok(())
}

fn stock_bundle(stage: &Stage) -> Result<PathBuf, ScenarioError> {
    let path = stage.setting.bundles.join("stock-app.zip");
    bundle::stock_app(&path, "stock")?;
    Ok(path)
}

/// A copy of the second bundle with `changes`.
fn changed(stage: &Stage, changes: &Changes) -> Result<PathBuf, ScenarioError> {
    let path = stage.setting.bundles.join("changed.zip");
    bundle::changed(&stage.setting.to, &path, changes)?;
    Ok(path)
}

/// The second bundle with a file more for nginx.
fn with_proxy(stage: &Stage, text: &str) -> Result<PathBuf, ScenarioError> {
    let file = (".platform/nginx/conf.d/rehearsal.conf", text, 0o644);
    with_file(stage, file)
}

/// The second bundle with a script for a server.
fn with_server(stage: &Stage, script: &str) -> Result<PathBuf, ScenarioError> {
    let server = bundle::server_of(&stage.setting.to)?;
    with_file(stage, (&server, script, 0o755))
}

fn with_file(stage: &Stage, file: (&str, &str, u32)) -> Result<PathBuf, ScenarioError> {
    let changes = Changes {
        files: &[file],
        ..Changes::default()
    };
    changed(stage, &changes)
}

fn refuse(stage: &mut Stage, bundle: &std::path::Path, reason: &str) -> Acted {
    let deployment = stage.engine.deploy(bundle);
    stage.refused(deployment, reason)
}

fn file_name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}
