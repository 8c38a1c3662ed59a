//! The page in a real browser, at a desktop's and a phone's width, light and dark.
#![allow(clippy::unwrap_used)]

mod synthetic;

use std::{
    path::Path,
    process::{Command, Stdio},
};

use rehearse::report;
use serde_json::Value;

/// A document that shows the page in a frame of a given width. Its script measures the page, and writes the result into
/// the document.
const WRAPPER: &str = include_str!("report_page/wrapper.html");

#[test]
fn page_fits_and_is_legible_at_each_width_in_each_scheme() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(
        directory.path().join("page.html"),
        report::html(&synthetic::rehearsal()),
    )
    .unwrap();
    for (scheme, width) in [
        ("light", 1280),
        ("light", 390),
        ("dark", 1280),
        ("dark", 390),
    ] {
        let seen = measure(directory.path(), scheme, width);
        let place = format!("{scheme}, {width} px: {seen:#}");
        assert_eq!(seen["width"], width, "{place}");
        assert_eq!(seen["dark"], scheme == "dark", "{place}");
        assert_eq!(
            seen["excess"], 0,
            "the page is wider than its window; {place}"
        );
        assert_eq!(
            seen["outside"],
            serde_json::json!([]),
            "text is cut off; {place}"
        );
        assert_eq!(
            seen["faint"],
            serde_json::json!([]),
            "contrast below 4.5 (WCAG 2.2, 1.4.3); {place}"
        );
        assert_eq!(
            seen["overlapping"],
            serde_json::json!([]),
            "labels overlap; {place}"
        );
        assert_eq!(seen["requests"], 0, "{place}");
        assert_eq!(seen["pictures"], 3, "{place}");
        assert_eq!(
            seen["columns"],
            if width > 960 { 2 } else { 1 },
            "stock beside flipless; {place}"
        );
    }
}

fn measure(directory: &Path, scheme: &str, width: u32) -> Value {
    let wrapper = directory.join("wrapper.html");
    std::fs::write(&wrapper, WRAPPER.replace("WIDTH", &width.to_string())).unwrap();
    let chromium = Command::new("chromium")
        .args([
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--no-first-run",
        ])
        .args([
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
        ])
        .args([
            "--disable-dev-shm-usage",
            "--allow-file-access-from-files",
            "--window-size=1600,1000",
        ])
        .arg(format!(
            "--user-data-dir={}",
            directory.join("profile").display()
        ))
        .arg(format!(
            "--blink-settings=preferredColorScheme={}",
            if scheme == "dark" { 0 } else { 1 }
        ))
        .args([
            "--virtual-time-budget=5000",
            "--timeout=30000",
            "--dump-dom",
        ])
        .arg(format!("file://{}", wrapper.display()))
        .stdin(Stdio::null())
        .output()
        .unwrap_or_else(|error| {
            panic!("cannot run chromium: {error}\nhint: apt-get install chromium")
        });
    let dom = String::from_utf8_lossy(&chromium.stdout);
    let result = dom
        .split_once("<pre id=\"result\">")
        .and_then(|(_, rest)| rest.split_once("</pre>"));
    let Some((result, _)) = result.filter(|(result, _)| !result.is_empty()) else {
        panic!(
            "chromium measured nothing ({}):\n{}",
            chromium.status,
            String::from_utf8_lossy(&chromium.stderr)
        );
    };
    let result = result
        .replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&amp;", "&");
    serde_json::from_str(&result).unwrap()
}
