//! The files of nginx's configuration: nginx.conf, and every file that it includes.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use flipless_settings::nginx::glob;

use super::syntax::{self, Directive};
use super::view::View;
use crate::instance::paths::{FLIPPED, NGINX, PROXY_STAGING};
use crate::instance::system::System;

/// nginx's main file.
pub const MAIN: &str = "/etc/nginx/nginx.conf";
/// The maximal depth of includes. nginx itself is limited only by its number of open files.
const MAX_DEPTH: usize = 32;

/// The directives of each file, by path.
#[derive(Debug, Default)]
pub struct Configuration {
    files: BTreeMap<PathBuf, Vec<Directive>>,
}

impl Configuration {
    /// Returns the files in the output of `nginx -T`. Each begins with a line that contains its path
    /// (ngx_dump_config in nginx.c).
    pub fn in_dump(dump: &str) -> Self {
        let parts = format!("\n{dump}");
        let named = parts.split("\n# configuration file ").skip(1);
        let files = named
            .filter_map(|part| part.split_once(":\n"))
            .map(|(name, text)| (name.into(), syntax::parse(text)))
            .collect();
        Self { files }
    }

    /// Reads the configuration in force, as a process sees it.
    pub fn in_force(view: &View) -> Self {
        let places = Vec::new();
        Disk { view, places }.read()
    }

    /// Reads the configuration as it will be after the flip: EB copies its staged files over the ones in force, and
    /// the bundle becomes `/var/app/current`.
    pub fn staged(system: &System, bundle: &Path) -> Self {
        let places = vec![
            (Path::new(PROXY_STAGING), Path::new(NGINX)),
            (bundle, Path::new(FLIPPED)),
        ];
        let view = &View::own(system);
        Disk { view, places }.read()
    }

    /// Removes a file, as if nothing included it.
    pub fn without(mut self, path: &str) -> Self {
        self.files.remove(Path::new(path));
        self
    }

    /// Returns the paths of the files.
    pub fn paths(&self) -> impl Iterator<Item = &Path> {
        self.files.keys().map(PathBuf::as_path)
    }

    /// Returns every directive of every file, at any depth.
    pub fn directives(&self) -> impl Iterator<Item = &Directive> {
        self.files.values().flat_map(|file| syntax::all(file))
    }

    /// Returns every `server` block with the path of its file. The block is as written there: includes are not
    /// expanded.
    pub fn servers(&self) -> impl Iterator<Item = (&Path, &Directive)> {
        let all = self.files.iter().flat_map(|(path, file)| {
            let found = syntax::all(file).into_iter();
            found.map(move |directive| (path.as_path(), directive))
        });
        // In an upstream, `server` has an argument: an address.
        all.filter(|(_, found)| found.words == ["server"])
    }

    /// Returns the directives of `main`, with the included files in place of each `include`. Relative paths begin in
    /// the folder of the main file (ngx_conf_full_name).
    pub fn tree(&self, main: &str) -> Vec<Directive> {
        self.expand(Path::new(main), Path::new(main), MAX_DEPTH)
    }

    fn expand(&self, main: &Path, name: &Path, depth: usize) -> Vec<Directive> {
        let directives = self.files.get(name).map(Vec::as_slice).unwrap_or_default();
        self.expand_all(main, directives, depth)
    }

    fn expand_all(&self, main: &Path, directives: &[Directive], depth: usize) -> Vec<Directive> {
        let Some(depth) = depth.checked_sub(1) else {
            return Vec::new();
        };
        let mut expanded = Vec::new();
        for directive in directives {
            match included(main, directive) {
                Some(pattern) => {
                    let names = self.paths().filter(|name| glob::matches(&pattern, name));
                    expanded.extend(names.flat_map(|name| self.expand(main, name, depth)));
                }
                None => expanded.push(Directive {
                    words: directive.words.clone(),
                    block: self.expand_all(main, &directive.block, depth),
                }),
            }
        }
        expanded
    }
}

/// Returns the path or pattern of an `include`; `None` for any other directive.
fn included(main: &Path, directive: &Directive) -> Option<PathBuf> {
    match directive.words.as_slice() {
        [include, pattern] if include == "include" => Some(main.with_file_name("").join(pattern)),
        _ => None,
    }
}

/// The files on the instance.
struct Disk<'a> {
    view: &'a View<'a>,
    /// Pairs of a folder and the path at which nginx will find its files.
    places: Vec<(&'a Path, &'a Path)>,
}

impl Disk<'_> {
    fn read(&self) -> Configuration {
        let mut configuration = Configuration::default();
        let mut open = vec![PathBuf::from(MAIN)];
        while let Some(path) = open.pop() {
            if configuration.files.contains_key(&path) {
                continue;
            }
            let Some(text) = self.text(&path) else {
                continue;
            };
            let directives = syntax::parse(&text);
            let includes = syntax::all(&directives).into_iter();
            let patterns = includes.filter_map(|found| included(Path::new(MAIN), found));
            open.extend(patterns.flat_map(|pattern| self.matching(&pattern)));
            configuration.files.insert(path, directives);
        }
        configuration
    }

    /// Returns the places on the disk where the file or folder of this path may be. For a file, the first place that
    /// exists counts.
    fn candidates(&self, path: &Path) -> Vec<PathBuf> {
        let moved = self.places.iter().filter_map(|(folder, place)| {
            let below = path.strip_prefix(place).ok()?;
            Some(folder.join(below))
        });
        moved.chain([self.view.place(path)]).collect()
    }

    /// Returns a file's text. Returns `None` for an unreadable file, because nginx itself reports such a file.
    fn text(&self, path: &Path) -> Option<String> {
        let mut candidates = self.candidates(path).into_iter();
        let system = self.view.system;
        let file = candidates.find(|file| system.locate(file).is_file())?;
        let content = system.read(file).ok()??;
        Some(String::from_utf8_lossy(&content).into_owned())
    }

    /// Returns the files that a pattern matches.
    fn matching(&self, pattern: &Path) -> Vec<PathBuf> {
        if !glob::is_pattern(pattern) {
            return vec![pattern.to_owned()];
        }
        let (folder, depth) = glob::split(pattern);
        let mut found = Vec::new();
        for candidate in self.candidates(&folder) {
            let root = self.view.system.locate(candidate);
            let entries = walkdir::WalkDir::new(&root)
                .follow_links(true)
                .min_depth(depth)
                .max_depth(depth);
            let files = entries.into_iter().filter_map(Result::ok);
            let files = files.filter(|entry| entry.file_type().is_file());
            found.extend(files.filter_map(|entry| {
                let path = folder.join(entry.path().strip_prefix(&root).ok()?);
                glob::matches(pattern, &path).then_some(path)
            }));
        }
        found
    }
}

#[cfg(test)]
mod tests;
