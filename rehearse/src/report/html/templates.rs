//! The page's templates.

use minijinja::{AutoEscape, Environment, UndefinedBehavior, value::Serde};
use serde::Serialize;

pub fn render(templates: &Environment, name: &str, data: &impl Serialize) -> String {
    let text = templates
        .get_template(name)
        .and_then(|template| template.render(Serde(data)));
    text.expect("the tests show that each template fits its data")
}

pub fn templates() -> Environment<'static> {
    let mut templates = Environment::new();
    templates.set_auto_escape_callback(|_| AutoEscape::Html);
    templates.set_undefined_behavior(UndefinedBehavior::Strict);
    for (name, source) in [
        ("page.html", include_str!("../page.html")),
        ("timeline.svg", include_str!("../timeline.svg")),
    ] {
        templates
            .add_template(name, source)
            .expect("the tests show that each template can be parsed");
    }
    templates
}
