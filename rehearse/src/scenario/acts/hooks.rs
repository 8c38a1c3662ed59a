//! Scenarios with the user's own hooks. flipless must not change what EB does with these hooks.

use super::bundles::with_file;
use crate::engine::EngineError;
use crate::scenario::script::Acted;
use crate::scenario::subject::Subject;

/// Sleeps long enough for hundreds of requests.
const MIGRATION: &str = "#!/bin/sh\nexec sleep 5\n";
const FAILING: &str = "#!/bin/sh\nsleep 2\necho the rehearsal fails >&2\nexit 7\n";

/// Deploys a bundle with a migration that runs after flipless's predeploy hook.
pub fn deploy_with_migration(subject: &mut Subject) -> Acted {
    let file = (".platform/hooks/predeploy/~~migrate", MIGRATION, 0o755);
    let bundle = with_file(subject, file)?;
    subject.deploy(&bundle)
}

/// Deploys a bundle with a hook that fails after flipless's predeploy hook. EB ends the deployment and stops nothing.
pub fn deploy_with_late_failure(subject: &mut Subject) -> Acted {
    let file = (".platform/hooks/predeploy/~~fails", FAILING, 0o755);
    fail(subject, file)
}

/// Deploys a bundle with a hook that fails after the flip and before flipless's postdeploy hook. EB does not undo the
/// flip.
pub fn deploy_with_failure_after_the_flip(subject: &mut Subject) -> Acted {
    let file = (".platform/hooks/postdeploy/!!fails", FAILING, 0o755);
    fail(subject, file)
}

/// Aborts a deployment after the staging, as a time limit of EB or a person can do.
pub fn abort(subject: &mut Subject) -> Acted {
    // While this hook runs, a staged version must not answer requests.
    let file = (".platform/hooks/predeploy/~~migrate", MIGRATION, 0o755);
    let bundle = with_file(subject, file)?;
    subject.engine.abort_before("stop X-Ray");
    let deployment = subject.engine.deploy(&bundle);
    let expected = matches!(deployment.outcome, Err(EngineError::Aborted(_)));
    subject.failed(deployment, expected)
}

/// Deploys a first version, and a hook fails after the staging. Then deploys a bundle without flipless, and then a
/// bundle with flipless again.
pub fn fail_adoption(subject: &mut Subject) -> Acted {
    deploy_with_late_failure(subject)?;
    super::ways::deploy_stock(subject)?;
    super::ways::nothing_left(subject);
    let bundle = subject.parameters.to.clone();
    subject.deploy(&bundle)
}

fn fail(subject: &mut Subject, file: (&str, &str, u32)) -> Acted {
    let bundle = with_file(subject, file)?;
    let deployment = subject.engine.deploy(&bundle);
    let expected = matches!(
        &deployment.outcome,
        Err(EngineError::Hook { hook, .. }) if hook.as_str() == file.0
    );
    subject.failed(deployment, expected)
}
