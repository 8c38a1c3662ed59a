//! The output of `flipless status --json`.

/// The output of `flipless status --json`; empty on an instance without flipless.
#[derive(Debug, Clone, Default)]
pub(super) struct Status(pub(super) serde_json::Value);

impl Status {
    #[cfg(test)]
    pub fn of_front(mode: &str) -> Self {
        Self(serde_json::json!({ "front": { "mode": mode } }))
    }

    fn text(&self, pointer: &str) -> Option<String> {
        Some(self.0.pointer(pointer)?.as_str()?.to_owned())
    }

    /// The current run.
    pub fn run(&self) -> Option<String> {
        self.text("/current/run")
    }

    /// The unit of the current run.
    pub fn unit(&self) -> Option<String> {
        self.text("/current/unit")
    }

    /// The current release.
    pub fn release(&self) -> Option<String> {
        self.text("/current/release")
    }

    /// The release to which a rollback returns.
    pub fn previous(&self) -> Option<String> {
        self.text("/previous/release")
    }

    /// The front mode; `stock` without flipless.
    pub fn front(&self) -> String {
        self.text("/front/mode").unwrap_or_else(|| "stock".into())
    }

    /// Whether a run is staged.
    pub fn is_staged(&self) -> bool {
        self.0
            .pointer("/staged")
            .is_some_and(|staged| !staged.is_null())
    }

    /// Whether flipless is installed.
    pub fn is_there(&self) -> bool {
        self.0.is_object()
    }
}
