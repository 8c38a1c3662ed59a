//! The status as a page and as JSON.

use axum::response::Html;
use flipless::Activity;
use serde::Serialize;

use crate::identity::Identity;

const TEMPLATE: &str = include_str!("status.html");

/// The server's identity and counters at one moment.
#[derive(Debug, Serialize)]
pub struct Status {
    release: String,
    run: String,
    pid: u32,
    /// When the process started, in UTC.
    started: String,
    uptime_seconds: u64,
    /// The requests that the server has answered before this one.
    requests: u64,
    /// The open connections, including this request's.
    connections: usize,
}

impl Status {
    /// The status at this moment.
    pub fn now(identity: &Identity, activity: &Activity) -> Self {
        Self {
            release: identity.release.clone(),
            run: identity.run.clone(),
            pid: std::process::id(),
            started: identity.started.clone(),
            uptime_seconds: identity.uptime_seconds(),
            requests: activity.requests(),
            connections: activity.connections(),
        }
    }

    /// The page that shows the status.
    pub fn into_page(self) -> Html<String> {
        Html(fill(
            TEMPLATE,
            &[
                ("release", self.release),
                ("run", self.run),
                ("pid", self.pid.to_string()),
                (
                    "started_in_words",
                    self.started.replace('T', " ").replace('Z', " UTC"),
                ),
                ("started", self.started),
                ("uptime", in_words(self.uptime_seconds)),
                ("requests", self.requests.to_string()),
                ("connections", self.connections.to_string()),
            ],
        ))
    }
}

/// Replaces every `{{name}}` by its value, escaped for HTML.
fn fill(template: &str, values: &[(&str, String)]) -> String {
    let mut page = String::with_capacity(template.len() + 256);
    let mut rest = template;
    while let Some((before, after)) = rest.split_once("{{")
        && let Some((name, after)) = after.split_once("}}")
    {
        page += before;
        let value = values.iter().find(|(key, _)| *key == name.trim());
        page += &value.map_or(String::new(), |(_, value)| escaped(value));
        rest = after;
    }
    page + rest
}

fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => safe += "&amp;",
            '<' => safe += "&lt;",
            '>' => safe += "&gt;",
            '"' => safe += "&quot;",
            '\'' => safe += "&#39;",
            other => safe.push(other),
        }
    }
    safe
}

/// A duration in its two largest units: `3 d 4 h`, `5 min 6 s`. The page's script does the same.
fn in_words(seconds: u64) -> String {
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3600 % 24, seconds / 60 % 60);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{seconds} s"),
        (0, 0, minutes) => format!("{minutes} min {} s", seconds % 60),
        (0, hours, minutes) => format!("{hours} h {minutes} min"),
        (days, hours, _) => format!("{days} d {hours} h"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_shows_every_value_and_has_no_placeholder_left() {
        let status = Status {
            release: "3fa9c1d2e0b4".to_owned(),
            run: "<b>\"&'".to_owned(),
            pid: 4711,
            started: "2026-01-31T09:00:00Z".to_owned(),
            uptime_seconds: 61,
            requests: 1234,
            connections: 56,
        };
        let Html(page) = status.into_page();
        let shown = [
            "3fa9c1d2e0b4",
            "4711",
            "2026-01-31 09:00:00 UTC",
            "1 min 1 s",
            "1234",
            "56",
        ];
        for value in shown {
            assert!(page.contains(&format!(">{value}<")), "{value}");
        }
        assert!(page.contains("&lt;b&gt;&quot;&amp;&#39;") && !page.contains("<b>\""));
        assert!(!page.contains("{{"));
    }

    #[test]
    fn a_placeholder_inside_a_value_stays() {
        let values = [("a", "{{b}}".to_owned()), ("b", "secret".to_owned())];
        assert_eq!(fill("{{a}} {{ b }} {{c}} {{", &values), "{{b}} secret  {{");
    }

    #[test]
    fn uptime_has_its_two_largest_units() {
        for (seconds, words) in [
            (0, "0 s"),
            (59, "59 s"),
            (61, "1 min 1 s"),
            (3700, "1 h 1 min"),
            (266_461, "3 d 2 h"),
        ] {
            assert_eq!(in_words(seconds), words);
        }
    }
}
