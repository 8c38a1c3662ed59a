//! Scenarios that install flipless or give the instance back to stock EB.

use flipless_settings::layout;

use super::bundles::stock_bundle;
use crate::engine::Properties;
use crate::record::Outcome;
use crate::scenario::script::Acted;
use crate::scenario::subject::{SECRET, Subject};

/// The usual preparation: launches the environment with the first bundle.
pub fn launch(subject: &mut Subject) -> Acted {
    let (name, value) = SECRET;
    let secrets = Properties::from([(name.to_owned(), value.to_owned())]);
    subject.engine.keep_secrets(secrets);
    let from = subject.parameters.from.clone();
    let deployment = subject.engine.create_environment(&from, Properties::new());
    subject.succeed(deployment)
}

/// Launches the environment with an application that does not use flipless.
pub fn launch_stock(subject: &mut Subject) -> Acted {
    let bundle = stock_bundle(subject)?;
    let deployment = subject
        .engine
        .create_environment(&bundle, Properties::new());
    subject.succeed(deployment)
}

pub fn uninstall(subject: &mut Subject) -> Acted {
    subject.must(&format!("{} uninstall", layout::AGENT))?;
    nothing_left(subject);
    subject.wait(
        "the server does not answer after `flipless uninstall`",
        |subject| {
            let answer = subject.ask();
            answer.is_ok_and(|answer| answer.outcome == Outcome::Ok)
        },
    );
    deploy_stock(subject)
}

/// Checks that no file and no unit of flipless is left.
pub fn nothing_left(subject: &mut Subject) {
    let left = subject.say(&format!(
        "ls -d {} {} /etc/systemd/system/flipless* \
         /usr/lib/systemd/system/*.service.d/{} 2>/dev/null; \
         grep -rl flipless /etc/nginx; systemctl list-units --all --plain --no-legend 'flipless*'",
        layout::ROOT,
        layout::STATE_FOLDER,
        layout::DROP_IN
    ));
    subject.check("files or units of flipless are left", left.is_empty(), left);
}

/// Deploys a bundle without flipless, changes a property, and deploys flipless again. No `flipless uninstall` runs.
pub fn leave_and_return(subject: &mut Subject) -> Acted {
    deploy_stock(subject)?;
    nothing_left(subject);
    let ours = subject.say(&format!("systemctl cat {} | grep flipless", layout::NGINX));
    let fault = "nginx.service still has settings of flipless";
    subject.check(fault, ours.is_empty(), ours);
    let deployment = subject.engine.configure(&[("COLOUR", Some("blue"))]);
    subject.succeed(deployment)?;
    serves_stock(subject)?;
    let bundle = subject.parameters.to.clone();
    subject.deploy(&bundle)
}

pub fn deploy_stock(subject: &mut Subject) -> Acted {
    let bundle = stock_bundle(subject)?;
    subject.deploy(&bundle)?;
    serves_stock(subject)
}

fn serves_stock(subject: &mut Subject) -> Acted {
    let body = String::from_utf8_lossy(&subject.ask()?.body).into_owned();
    let serves = body.contains("release stock");
    subject.check("the plain application does not serve", serves, body);
    Ok(())
}
