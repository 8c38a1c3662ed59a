//! The result of one check of a bundle, as text and as JSON.

use serde::Serialize;

use crate::ui::printable;

/// The most findings of one check that are shown. A hostile zip may have any number.
const MOST: usize = 20;

/// The result of one check.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Check {
    /// A short name of the check, which never changes.
    pub name: &'static str,
    /// Whether the check passed. It is `None` (null in JSON) if the check was skipped, because something is missing on
    /// this machine.
    pub ok: Option<bool>,
    /// The detail; if the check failed, its findings, separated by `; `.
    pub detail: String,
    /// Warnings about things that EB allows, but that are rarely intended.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
    /// Whether the check failed, but `[check] allow` turned the failure into a warning.
    #[serde(skip_serializing_if = "is_false")]
    pub allowed: bool,
    /// The findings one by one.
    #[serde(skip)]
    findings: Vec<String>,
    /// The advice for a check that did not pass.
    #[serde(skip)]
    pub hint: Option<String>,
}

impl Check {
    /// Makes a check that passes if there are no `findings`. Its detail is then `fine`.
    pub fn of(name: &'static str, findings: Vec<String>, fine: impl Into<String>) -> Self {
        let findings = shown(&findings);
        let detail = match findings.is_empty() {
            true => fine.into(),
            false => findings.join("; "),
        };
        Self {
            name,
            ok: Some(findings.is_empty()),
            detail,
            warnings: Vec::new(),
            allowed: false,
            findings,
            hint: None,
        }
    }

    /// A skipped check with its reason.
    pub fn skipped(name: &'static str, why: impl AsRef<str>) -> Self {
        let detail = format!("not checked: {}", printable(why.as_ref()));
        Self {
            ok: None,
            detail,
            ..Self::of(name, Vec::new(), "")
        }
    }

    /// Adds a hint, unless the check passed.
    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        let fine = self.ok == Some(true) && self.warnings.is_empty();
        self.hint = (!fine).then(|| hint.into());
        self
    }

    /// Adds warnings about things that EB allows, but that are rarely intended. If the check passed, the warnings
    /// become its detail.
    pub fn with_warnings(mut self, warnings: &[String]) -> Self {
        self.warnings = shown(warnings);
        if self.ok == Some(true) && !self.warnings.is_empty() {
            self.detail = self.warnings.join("; ");
        }
        self
    }

    /// Turns a failure into a warning.
    pub fn allow(mut self) -> Self {
        if self.failed() {
            self.ok = Some(true);
            self.allowed = true;
            let findings = self.findings.drain(..);
            let findings = findings.map(|finding| format!("{finding} (allowed)"));
            self.warnings.splice(..0, findings);
        }
        self
    }

    /// Remarks about a check that did not fail: its warnings, and the reason if it was skipped.
    pub fn remarks(&self) -> Vec<String> {
        let skipped = self.ok.is_none().then_some(&self.detail);
        let all = skipped.into_iter().chain(&self.warnings);
        all.map(|remark| format!("{}: {remark}", self.name))
            .collect()
    }

    /// Whether the check failed. A skipped check has not failed.
    pub fn failed(&self) -> bool {
        self.ok == Some(false)
    }
}

/// The first findings, and how many more there are.
fn shown(findings: &[String]) -> Vec<String> {
    let more = findings.len().saturating_sub(MOST);
    let first = findings.iter().take(MOST);
    let more = (more > 0).then(|| format!("and {more} more"));
    first
        .map(|finding| printable(finding))
        .chain(more)
        .collect()
}

fn is_false(value: &bool) -> bool {
    !value
}

/// A table with one line per check, and one line below for each further finding.
pub fn table(checks: &[Check]) -> String {
    let width = checks.iter().map(|check| check.name.len()).max();
    let width = width.unwrap_or(0);
    let mut table = String::new();
    for check in checks {
        let mark = match check.ok {
            Some(true) if !check.warnings.is_empty() => "warn",
            Some(true) => "ok",
            Some(false) => "FAIL",
            None => "skip",
        };
        let skipped = check.ok.is_none().then_some(&check.detail);
        let lines = skipped.into_iter().chain(&check.findings);
        let lines = lines.chain(&check.warnings);
        let mut lines = lines.map(String::as_str);
        let first = lines.next().unwrap_or(&check.detail);
        table += &format!("{mark:<4}  {:<width$}  {first}\n", check.name);
        for line in lines {
            table += &format!("{:1$}{line}\n", "", width + 8);
        }
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_has_a_line_for_each_finding() {
        let checks = [
            Check::of("size", vec![], "small"),
            Check::of("names", vec!["one".into(), "two".into()], ""),
            Check::skipped("nginx", "nginx is not installed").with_warnings(&["one".into()]),
            Check::of("hooks", vec![], "5").with_warnings(&["one".into()]),
        ];
        let expected = "ok    size   small\nFAIL  names  one\n             two\n\
                        skip  nginx  not checked: nginx is not installed\n             one\nwarn  hooks  one\n";
        assert_eq!(table(&checks), expected);
    }

    #[test]
    fn the_warnings_of_a_check_that_passed_are_its_detail() {
        let warned = |check: Check| check.with_warnings(&["one".into(), "two".into()]).detail;
        assert_eq!(warned(Check::of("names", vec![], "fine")), "one; two");
        assert_eq!(
            warned(Check::of("names", vec!["wrong".into()], "")),
            "wrong"
        );
        assert_eq!(
            warned(Check::skipped("names", "absent")),
            "not checked: absent"
        );
        assert_eq!(
            Check::of("names", vec![], "fine").with_warnings(&[]).detail,
            "fine"
        );
    }

    #[test]
    fn an_allowed_failure_is_a_warning_that_json_records() {
        let check = Check::of("names", vec!["one".into()], "fine").allow();
        let json = serde_json::json!(check).to_string();
        let expected = r#"{"allowed":true,"detail":"one","name":"names","ok":true,"warnings":["one (allowed)"]}"#;
        assert_eq!(json, expected);
        assert_eq!(table(&[check]), "warn  names  one (allowed)\n");
        let fine = Check::of("names", vec![], "fine");
        assert_eq!(fine.clone().allow(), fine);
    }

    #[test]
    fn a_skipped_check_is_null_in_json() {
        let json = serde_json::json!([Check::skipped("nginx", "nginx is not installed")]);
        let expected =
            r#"[{"detail":"not checked: nginx is not installed","name":"nginx","ok":null}]"#;
        assert_eq!(json.to_string(), expected);
    }

    #[test]
    fn findings_can_neither_control_a_terminal_nor_flood_it() {
        let check = Check::of("names", vec!["a\u{1b}[2J\u{202e}b".into(); 5000], "");
        assert!(check.detail.starts_with("a\\u{1b}[2J\\u{202e}b; "));
        assert!(check.detail.ends_with("; and 4980 more"));
        assert_eq!(check.detail.matches("; ").count(), MOST);
        let long = Check::of("names", vec!["ü".repeat(5000)], "");
        assert_eq!(long.detail, "ü".repeat(500) + "…");
    }
}
