//! The answer to one question about a bundle, and how people and machines read it.

use serde::Serialize;

use crate::ui::printable;

/// Findings that are shown of one check: a hostile zip has as many as it likes.
const MOST: usize = 20;

/// One question about a bundle, answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Check {
    /// What was asked: a short name that stays the same.
    pub name: &'static str,
    /// Fine? None (null in JSON): not checked, as something is missing here.
    pub ok: Option<bool>,
    /// What was found; if not fine, every finding, `; ` between them.
    pub detail: String,
    /// What is allowed, and rarely meant.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
    /// The findings, each by itself.
    #[serde(skip)]
    findings: Vec<String>,
    /// The way out.
    #[serde(skip)]
    pub hint: Option<String>,
}

impl Check {
    /// Fine without `findings`; `fine` is then the detail.
    pub fn of(name: &'static str, mut findings: Vec<String>, fine: impl Into<String>) -> Self {
        let more = findings.len().saturating_sub(MOST);
        findings.truncate(MOST);
        findings.extend((more > 0).then(|| format!("and {more} more")));
        let findings: Vec<String> = findings.iter().map(|finding| printable(finding)).collect();
        let detail = match findings.is_empty() {
            true => fine.into(),
            false => findings.join("; "),
        };
        Self {
            name,
            ok: Some(findings.is_empty()),
            detail,
            warnings: Vec::new(),
            findings,
            hint: None,
        }
    }

    /// Not checked, and why.
    pub fn skipped(name: &'static str, why: impl AsRef<str>) -> Self {
        let detail = format!("not checked: {}", printable(why.as_ref()));
        Self {
            ok: None,
            detail,
            ..Self::of(name, Vec::new(), "")
        }
    }

    /// Says what to do about it, if it isn't fine.
    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        let fine = self.ok == Some(true) && self.warnings.is_empty();
        self.hint = (!fine).then(|| hint.into());
        self
    }

    /// Adds what is fine for EB, but rarely meant.
    pub fn with_warnings(mut self, warnings: &[String]) -> Self {
        let shown = warnings.iter().take(MOST);
        self.warnings = shown.map(|warning| printable(warning)).collect();
        self
    }

    /// What a person should know though nothing has failed: each warning, and why it was not checked.
    pub fn remarks(&self) -> Vec<String> {
        let skipped = self.ok.is_none().then_some(&self.detail);
        let all = skipped.into_iter().chain(&self.warnings);
        all.map(|remark| format!("{}: {remark}", self.name))
            .collect()
    }

    /// Found to be wrong; what was not checked has not failed.
    pub fn failed(&self) -> bool {
        self.ok == Some(false)
    }
}

/// A line a check, and below it one for each further finding.
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
        let lines = check.findings.iter().chain(&check.warnings);
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
            Check::skipped("nginx", "no nginx here"),
            Check::of("hooks", vec![], "5").with_warnings(&["one".into()]),
        ];
        let expected = "ok    size   small\nFAIL  names  one\n             two\n\
                        skip  nginx  not checked: no nginx here\nwarn  hooks  one\n";
        assert_eq!(table(&checks), expected);
    }

    #[test]
    fn what_was_not_checked_is_neither_true_nor_false_for_machines() {
        let json = serde_json::json!([Check::skipped("nginx", "no nginx here")]);
        let expected = r#"[{"detail":"not checked: no nginx here","name":"nginx","ok":null}]"#;
        assert_eq!(json.to_string(), expected);
    }

    #[test]
    fn findings_cannot_steer_a_terminal_nor_flood_it() {
        let check = Check::of("names", vec!["a\u{1b}[2J\u{202e}b".into(); 5000], "");
        assert!(check.detail.starts_with("a\\u{1b}[2J\\u{202e}b; "));
        assert!(check.detail.ends_with("; and 4980 more"));
        assert_eq!(check.detail.matches("; ").count(), MOST);
        let long = Check::of("names", vec!["ü".repeat(5000)], "");
        assert_eq!(long.detail, "ü".repeat(500) + "…");
    }
}
