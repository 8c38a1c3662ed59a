//! What an answer of the authority means.

use instant_acme::Problem;

/// The prefix of the authority's error types (RFC 8555, section 6.7).
const PREFIX: &str = "urn:ietf:params:acme:error:";
/// How many characters of the authority's text go into the log and the state.
const LONGEST: usize = 600;

/// What to do about an error of the authority.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Meaning {
    /// The authority has no such account. The program registers a new account.
    NoAccount,
    /// A limit is reached. The program waits for a long time.
    Limited,
    /// The authority has a temporary problem. The program tries again soon.
    Busy,
    /// The authority refuses this request.
    Refused,
}

/// Returns what this problem means. `unauthorized` can also mean a closed account (see [`closes_account`]).
pub fn meaning(problem: &Problem) -> Meaning {
    let name = problem.r#type.as_deref().unwrap_or_default();
    let status = problem.status.unwrap_or(400);
    match name.strip_prefix(PREFIX).unwrap_or(name) {
        "accountDoesNotExist" => Meaning::NoAccount,
        // Let's Encrypt gives this answer while it is overloaded for a short time.
        "rateLimited" if status == 503 => Meaning::Busy,
        "rateLimited" => Meaning::Limited,
        "serverInternal" | "badNonce" => Meaning::Busy,
        _ if status == 429 => Meaning::Limited,
        _ if status >= 500 => Meaning::Busy,
        _ => Meaning::Refused,
    }
}

/// Returns whether the problem can mean that the authority has closed the account or has no such account. For a closed
/// account, the answer is `unauthorized` with status 401 (RFC 8555, section 7.3.6). Let's Encrypt answers with status
/// 403.
pub fn closes_account(problem: &Problem) -> bool {
    meaning(problem) == Meaning::NoAccount
        || problem
            .r#type
            .as_deref()
            .and_then(|name| name.strip_prefix(PREFIX))
            == Some("unauthorized")
}

/// Returns the authority's own words, on one line.
pub fn text(problem: &Problem) -> String {
    let mut words = problem.detail.clone().unwrap_or_default();
    for subproblem in &problem.subproblems {
        words.push_str("; ");
        words.push_str(&subproblem.to_string());
    }
    if let Some(name) = &problem.r#type {
        words.push_str(&format!(" ({})", name.strip_prefix(PREFIX).unwrap_or(name)));
    }
    let words = plain(&words);
    if words.is_empty() {
        "no reason".into()
    } else {
        words
    }
}

/// Returns a text from outside on one line, without control characters, with at most [`LONGEST`] characters.
pub fn plain(text: &str) -> String {
    let visible = text.chars().map(|c| if c.is_control() { ' ' } else { c });
    let words: String = visible.take(LONGEST).collect();
    words.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    fn any_value() -> impl Strategy<Value = serde_json::Value> {
        prop_oneof![
            any::<i64>().prop_map(serde_json::Value::from),
            any::<String>().prop_map(serde_json::Value::from),
            "(urn:ietf:params:acme:error:)?(rateLimited|badNonce|accountDoesNotExist|unauthorized|caa|)"
                .prop_map(serde_json::Value::from),
            (0..1000_u16).prop_map(serde_json::Value::from),
            Just(serde_json::Value::Null),
            Just(serde_json::json!([])),
            Just(serde_json::json!([{"type": "x", "detail": "\u{1b}[2J", "identifier": {"type": "dns", "value": "a"}}])),
            Just(serde_json::json!({"type": "dns", "value": "a"})),
        ]
    }

    fn any_document() -> impl Strategy<Value = serde_json::Value> {
        let names = [
            "type",
            "detail",
            "status",
            "subproblems",
            "title",
            "instance",
        ];
        let member = (prop::sample::select(names.to_vec()), any_value());
        let members = prop::collection::vec(member, 0..6);
        members.prop_map(|members| {
            let members = members
                .into_iter()
                .map(|(name, value)| (name.to_owned(), value));
            serde_json::Value::Object(members.collect())
        })
    }

    fn problem(json: &str) -> Problem {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn each_error_of_the_authority_has_its_meaning() {
        let of = |name: &str, status: u16| {
            meaning(&problem(&format!(
                r#"{{"type":"{PREFIX}{name}","status":{status}}}"#
            )))
        };
        assert_eq!(of("accountDoesNotExist", 400), Meaning::NoAccount);
        assert_eq!(of("rateLimited", 429), Meaning::Limited);
        assert_eq!(of("rateLimited", 503), Meaning::Busy);
        assert_eq!(of("badNonce", 400), Meaning::Busy);
        assert_eq!(of("serverInternal", 500), Meaning::Busy);
        assert_eq!(of("caa", 403), Meaning::Refused);
        assert_eq!(of("whatever", 503), Meaning::Busy);
        assert_eq!(meaning(&problem("{}")), Meaning::Refused);
        assert!(closes_account(&problem(
            r#"{"type":"urn:ietf:params:acme:error:unauthorized"}"#
        )));
        assert!(!closes_account(&problem(
            r#"{"type":"urn:ietf:params:acme:error:caa"}"#
        )));
    }

    #[test]
    fn the_reason_is_the_authoritys_words_for_each_name() {
        let problem = problem(
            r#"{"type":"urn:ietf:params:acme:error:caa","detail":"refused\nfor you","subproblems":[
            {"type":"x","detail":"CAA forbids it","identifier":{"type":"dns","value":"a.example"}}]}"#,
        );
        assert_eq!(
            text(&problem),
            r#"refused for you; for "a.example": CAA forbids it (x) (caa)"#
        );
        assert_eq!(text(&self::problem("{}")), "no reason");
    }

    proptest! {
        #![proptest_config(flipless_testing::any_input(256))]
        /// Each JSON document has one meaning and a text of one line, or is no problem document. A member of the wrong
        /// type counts as missing (RFC 7807, section 3.1).
        #[test]
        fn any_document_has_a_meaning_and_a_line_or_is_none(document in any_document()) {
            if let Ok(problem) = serde_json::from_value::<Problem>(document) {
                meaning(&problem);
                closes_account(&problem);
                let text = text(&problem);
                prop_assert!(!text.chars().any(char::is_control));
                prop_assert!((1..=LONGEST).contains(&text.chars().count()));
            }
        }

        #[test]
        fn any_words_become_one_short_line(
            detail in prop::collection::vec(any::<char>(), 0..700), name in "[\u{1b}\n\r\ta-z]{0,9}",
        ) {
            let detail = String::from_iter(detail);
            let json = serde_json::json!({"type": name, "detail": detail}).to_string();
            let text = text(&problem(&json));
            prop_assert!(!text.chars().any(char::is_control));
            prop_assert!((1..=LONGEST).contains(&text.chars().count()));
        }
    }
}
