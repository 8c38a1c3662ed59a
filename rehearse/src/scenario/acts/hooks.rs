//! Hooks of the user's beside ours: EB's meaning of a deployment holds for them.

use super::bundles::with_file;
use crate::engine::EngineError;
use crate::scenario::script::Acted;
use crate::scenario::subject::Subject;

/// Long enough for hundreds of requests.
const MIGRATION: &str = "#!/bin/sh\nexec sleep 5\n";
const FAILING: &str = "#!/bin/sh\nsleep 2\necho the rehearsal fails >&2\nexit 7\n";

/// A migration that runs after our hook.
pub fn deploy_with_migration(subject: &mut Subject) -> Acted {
    let file = (".platform/hooks/predeploy/~~migrate", MIGRATION, 0o755);
    let bundle = with_file(subject, file)?;
    subject.deploy(&bundle)
}

/// A hook that fails after ours: EB stops nothing.
pub fn deploy_with_late_failure(subject: &mut Subject) -> Acted {
    let file = (".platform/hooks/predeploy/~~fails", FAILING, 0o755);
    fail(subject, file)
}

/// A hook that fails after the flip, and before our own: EB does not undo the flip.
pub fn deploy_with_failure_after_the_flip(subject: &mut Subject) -> Acted {
    let file = (".platform/hooks/postdeploy/!!fails", FAILING, 0o755);
    fail(subject, file)
}

/// The deployment ends when all is staged, as EB's time limit or a person may end it.
pub fn abort(subject: &mut Subject) -> Acted {
    // Long enough for the staged version to answer, if it did.
    let file = (".platform/hooks/predeploy/~~migrate", MIGRATION, 0o755);
    let bundle = with_file(subject, file)?;
    subject.engine.abort_before("stop X-Ray");
    let deployment = subject.engine.deploy(&bundle);
    let expected = matches!(deployment.outcome, Err(EngineError::Aborted(_)));
    subject.failed(deployment, expected)
}

/// The first flipless bundle fails after its staging, and a plain one follows.
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
