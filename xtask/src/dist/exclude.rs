//! `exclude` of an include: the files that are not shipped.

use std::cell::Cell;
use std::path::Path;

use anyhow::{Result, anyhow};
use globset::{GlobBuilder, GlobMatcher};

use crate::ui;
use flipless_settings::config::Include;

/// The globs of one include.
pub struct Exclude(Vec<Pattern>);

struct Pattern {
    text: String,
    matcher: GlobMatcher,
    used: Cell<bool>,
}

impl Exclude {
    /// Compiles the globs. As in a .gitignore file, a glob with a `/` is relative to the include's folder, and
    /// a glob without a `/` matches at any depth. Unlike in a .gitignore file, `!` has no meaning.
    ///
    /// # Errors
    /// If a glob is invalid.
    pub fn new(include: &Include) -> Result<Self> {
        let compile = |text: &str| {
            let glob = text.trim_end_matches('/');
            let anchored = match glob.strip_prefix('/') {
                Some(rest) => rest.to_owned(),
                None if glob.contains('/') => glob.to_owned(),
                None => format!("**/{glob}"),
            };
            let built = GlobBuilder::new(&anchored).literal_separator(true).build();
            let glob = built.map_err(|error| {
                let why = error.kind();
                let from = &include.from;
                anyhow!("the include `{from}` excludes `{text}`, which is not a valid glob: {why}")
            })?;
            Ok(Pattern {
                text: text.to_owned(),
                matcher: glob.compile_matcher(),
                used: Cell::new(false),
            })
        };
        let patterns = include.exclude.iter().map(|text| compile(text.as_str()));
        Ok(Self(patterns.collect::<Result<_>>()?))
    }

    /// Whether a glob excludes this path, which is relative to the include. The caller then also leaves out all files
    /// in an excluded folder.
    pub fn matches(&self, path: &Path) -> bool {
        let mut any = false;
        for pattern in &self.0 {
            if pattern.matcher.is_match(path) {
                pattern.used.set(true);
                any = true;
            }
        }
        any
    }

    /// Refuses a glob that has matched nothing. Such a glob is misspelt, or its files were removed.
    ///
    /// # Errors
    /// If there is such a glob.
    pub fn refuse_unused(&self, include: &Include) -> Result<()> {
        let Some(pattern) = self.0.iter().find(|pattern| !pattern.used.get()) else {
            return Ok(());
        };
        let (from, text) = (&include.from, &pattern.text);
        Err(ui::advised(
            format!("the include `{from}` excludes `{text}`, which matches nothing there"),
            [
                "a glob with a `/` is relative to the include's folder; other globs match at any depth",
            ],
        ))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use flipless_settings::Config;

    fn exclude(globs: &str) -> Result<(Include, Exclude), String> {
        let text = format!("[bundle]\ninclude = [{{ from = \"web\", exclude = {globs} }}]");
        let mut settings = Config::parse(&text, Path::new("flipless.toml")).unwrap();
        let include = settings.bundle.include.remove(0);
        match Exclude::new(&include) {
            Ok(exclude) => Ok((include, exclude)),
            Err(error) => Err(error.to_string()),
        }
    }

    #[test]
    fn a_slash_anchors_a_glob() {
        for (glob, path, expected) in [
            ("*.map", "app.map", true),
            ("*.map", "deep/er/app.map", true),
            ("*.map", "app.map.js", false),
            ("drafts", "deep/drafts", true),
            ("drafts/", "deep/drafts", true),
            ("/drafts", "drafts", true),
            ("/drafts", "deep/drafts", false),
            ("deep/*.js", "deep/a.js", true),
            ("deep/*.js", "deep/er/a.js", false),
            ("deep/**/*.js", "deep/er/a.js", true),
            ("*.{map,ts}", "x/a.ts", true),
        ] {
            let (_, exclude) = exclude(&format!("[{glob:?}]")).unwrap();
            assert_eq!(exclude.matches(Path::new(path)), expected, "{glob}: {path}");
        }
    }

    #[test]
    fn the_error_names_a_glob_that_is_invalid_or_matches_nothing() {
        let error = exclude(r#"["a[b"]"#).map(drop).unwrap_err();
        assert!(
            error.contains("`a[b`") && error.contains("`web`"),
            "{error}"
        );
        let (include, exclude) = exclude(r#"["*.map", "*.mpa"]"#).unwrap();
        assert!(exclude.matches(Path::new("a.map")));
        let error = exclude.refuse_unused(&include).unwrap_err().to_string();
        assert!(error.contains("`*.mpa`"), "{error}");
        assert!(exclude.matches(Path::new("a.mpa")));
        exclude.refuse_unused(&include).unwrap();
    }
}
