//! Templates and settings in, files out; touches no disk.

use std::collections::BTreeMap;

use minijinja::syntax::SyntaxConfig;
use minijinja::value::Serde;
use minijinja::{AutoEscape, Environment, UndefinedBehavior, Value};
use serde::Serialize;

use crate::{layout, settings::Settings};

/// Files by their `/`-separated path, in sorted order.
pub type Files = BTreeMap<String, String>;

/// What a template can name.
#[derive(Serialize)]
pub struct Context<'a> {
    #[serde(flatten)]
    settings: &'a Settings,
    layout: BTreeMap<&'static str, &'static str>,
    /// [`Settings::drain_seconds`]: the deadline in force.
    drain_seconds: u32,
}

impl<'a> Context<'a> {
    /// The context that `settings` give.
    pub fn new(settings: &'a Settings) -> Self {
        let layout = layout::ALL.iter().copied().collect();
        Self {
            settings,
            layout,
            drain_seconds: settings.drain_seconds(),
        }
    }
}

/// Renders every template. One that renders to nothing but white space is left out: that is how
/// a template says that it does not belong to this front mode.
///
/// # Errors
/// On the first template, in sorted order, that is wrong: `platform-templates/FILE:LINE: why`.
pub fn render_all(templates: &Files, context: &Context) -> Result<Files, String> {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_auto_escape_callback(|_| AutoEscape::None);
    environment.set_syntax(block_lines_vanish());
    environment.add_filter("unit_word", |word: String| unit_word(&word));
    let context = Value::from(Serde(context));
    let mut files = Files::new();
    for (name, source) in templates {
        let text = environment
            .render_named_str(name, source, context.clone())
            .map_err(|error| describe(name, &error))?;
        if !text.trim().is_empty() {
            files.insert(name.clone(), text);
        }
    }
    Ok(files)
}

/// A line that holds only a `{% block tag %}` leaves no trace in the file.
fn block_lines_vanish() -> SyntaxConfig {
    SyntaxConfig::builder()
        .trim_blocks(true)
        .lstrip_blocks(true)
        .keep_trailing_newline(true)
        .build()
        .expect("the default delimiters are valid")
}

fn describe(name: &str, error: &minijinja::Error) -> String {
    let line = error.line().unwrap_or(1);
    let detail = error
        .detail()
        .map(|detail| format!(": {detail}"))
        .unwrap_or_default();
    format!("platform-templates/{name}:{line}: {}{detail}", error.kind())
}

/// One word of a unit's command line: quoted, with systemd's specifiers and variables escaped
/// (systemd.service(5), "Command lines").
pub fn unit_word(word: &str) -> String {
    let mut quoted = String::from("\"");
    for character in word.chars() {
        match character {
            '"' | '\\' => quoted.extend(['\\', character]),
            '%' | '$' => quoted.extend([character, character]),
            control if control.is_ascii_control() => {
                quoted += &format!("\\x{:02x}", u32::from(control));
            }
            other => quoted.push(other),
        }
    }
    quoted.push('"');
    quoted
}
