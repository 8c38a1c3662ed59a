//! Renders the platform tree in memory.

use std::collections::BTreeMap;
use std::error::Error as _;

use minijinja::syntax::SyntaxConfig;
use minijinja::value::Serde;
use minijinja::{AutoEscape, Environment, UndefinedBehavior, Value};
use serde::Serialize;

use crate::{config::Config, layout};

/// Files by their `/`-separated path, in sorted order.
pub type Files = BTreeMap<String, String>;

/// The names that a template can use.
#[derive(Serialize)]
pub struct Context<'a> {
    #[serde(flatten)]
    config: &'a Config,
    layout: BTreeMap<&'static str, &'static str>,
    /// [`Config::drain_seconds`]: the setting, or the front mode's default.
    drain_seconds: u32,
    /// [`Config::handover`]: the setting, or the default for the kind of server.
    handover: crate::Handover,
    /// [`Config::own_user`]: the setting, or its default.
    own_user: bool,
}

impl<'a> Context<'a> {
    /// Returns the names with the values of `config`.
    pub fn new(config: &'a Config) -> Self {
        let layout = layout::ALL.iter().copied().collect();
        Self {
            config,
            layout,
            drain_seconds: config.drain_seconds(),
            handover: config.handover(),
            own_user: config.own_user(),
        }
    }
}

/// The folder of the pieces that several templates include. The pieces are not files of the platform tree.
const PARTIALS: &str = "partials/";
/// EB runs the hooks in this folder in an application deployment.
const HOOKS: &str = ".platform/hooks/";
/// EB runs the hooks in this folder in a configuration deployment, which has a flip, too:
/// <https://docs.aws.amazon.com/elasticbeanstalk/latest/dg/platforms-linux-extend.hooks.html>
const CONFIG_HOOKS: &str = ".platform/confighooks/";

/// Renders the platform tree of `config`: every file by its path in the bundle.
///
/// If a template renders to white space only, the configuration does not need this file, and the tree lacks it. The
/// tree contains each hook twice, for EB's two kinds of deployment. It also contains the file of the resolved settings.
///
/// # Errors
/// If a template is wrong. The message names the first wrong template in sorted order:
/// `platform-templates/FILE:LINE: why`.
pub fn platform_tree(templates: &Files, config: &Config) -> Result<Files, String> {
    let mut files = render_all(templates, &Context::new(config))?;
    let hooks = files.iter().filter_map(|(name, text)| {
        let name = name.strip_prefix(HOOKS)?;
        Some((format!("{CONFIG_HOOKS}{name}"), text.clone()))
    });
    let hooks: Vec<_> = hooks.collect();
    files.extend(hooks);
    let settings = config.resolve().to_json();
    let settings = settings.map_err(|error| error.to_string())?;
    files.insert(layout::SETTINGS_FILE.to_owned(), settings);
    Ok(files)
}

/// Renders every template except the partials.
fn render_all(templates: &Files, context: &Context) -> Result<Files, String> {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_auto_escape_callback(|_| AutoEscape::None);
    environment.set_syntax(block_lines_vanish());
    environment.add_filter("unit_word", |word: String| unit_word(&word));
    for (name, source) in templates {
        environment
            .add_template(name, source)
            .map_err(|error| describe(name, &error))?;
    }
    let context = Value::from(Serde(context));
    let mut files = Files::new();
    for name in templates.keys().filter(|name| !name.starts_with(PARTIALS)) {
        let text = environment
            .get_template(name)
            .and_then(|template| template.render(context.clone()))
            .map_err(|error| describe(name, &error))?;
        if !text.trim().is_empty() {
            files.insert(name.clone(), text);
        }
    }
    Ok(files)
}

/// Returns the syntax of the templates. A line that contains only a `{% block tag %}` leaves no trace in the file.
fn block_lines_vanish() -> SyntaxConfig {
    SyntaxConfig::builder()
        .trim_blocks(true)
        .lstrip_blocks(true)
        .keep_trailing_newline(true)
        .build()
        .expect("the default delimiters are valid")
}

/// Describes an error with its place and reason. If the error is in a partial, the including template also has an
/// error, whose cause is the partial's error. So the innermost error has the place.
fn describe(name: &str, error: &minijinja::Error) -> String {
    let mut error = error;
    while let Some(cause) = error.source().and_then(|cause| cause.downcast_ref()) {
        error = cause;
    }
    let name = error.name().unwrap_or(name);
    let line = error.line().unwrap_or(1);
    let detail = error
        .detail()
        .map(|detail| format!(": {detail}"))
        .unwrap_or_default();
    format!("platform-templates/{name}:{line}: {}{detail}", error.kind())
}

/// Quotes one word of a unit's command line, and escapes systemd's specifiers and variables
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
