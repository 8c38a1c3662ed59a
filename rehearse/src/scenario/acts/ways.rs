//! The ways to flipless and back.

use flipless_settings::layout;

use super::bundles::stock_bundle;
use crate::engine::Properties;
use crate::scenario::script::Acted;
use crate::scenario::subject::{SECRET, Subject};

/// The usual beginning: the first bundle runs.
pub fn launch(subject: &mut Subject) -> Acted {
    let (name, value) = SECRET;
    let secrets = Properties::from([(name.to_owned(), value.to_owned())]);
    subject.engine.keep_secrets(secrets);
    let from = subject.parameters.from.clone();
    let deployment = subject.engine.create_environment(&from, Properties::new());
    subject.succeed(deployment)
}

/// An application that knows nothing of flipless runs.
pub fn launch_stock(subject: &mut Subject) -> Acted {
    let bundle = stock_bundle(subject)?;
    let deployment = subject
        .engine
        .create_environment(&bundle, Properties::new());
    subject.succeed(deployment)
}

pub fn uninstall(subject: &mut Subject) -> Acted {
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
