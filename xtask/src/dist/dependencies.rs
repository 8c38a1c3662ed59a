//! The packages in an executable. These are the packages that cargo resolves for its target and features, without dev-
//! and build-dependencies.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};
use serde::Deserialize;

use crate::tools;

/// A package's name and version: `serde`, `1.0.0`.
pub type Key = (String, String);

/// The packages of one executable.
#[derive(Debug, Default)]
pub struct Tree {
    /// The package that contains the executable.
    pub root: Key,
    /// All packages, including the root.
    pub packages: BTreeMap<Key, Package>,
}

/// A package of the tree.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Package {
    /// `license` in its manifest; empty if the manifest names only a licence file.
    pub licence: String,
    /// The source in the lock file; none for a package of the workspace, or for a path dependency.
    pub source: Option<String>,
    /// SHA-256 of the package's file in the registry, from the lock file.
    pub checksum: Option<String>,
    /// Its dependencies, including procedural macros.
    pub dependencies: BTreeSet<Key>,
}

/// Returns the packages of an executable, with sources and checksums from the lock file `lock`. Asks `cargo tree`,
/// which unifies features per target, as the build does. `cargo metadata` would unify the features of all members of
/// the workspace. The caller has added the arguments to `cargo` that select the package, its target and its features,
/// and that forbid changes of the lock file.
///
/// # Errors
/// If cargo fails, or the lock file can't be read.
pub fn of(cargo: &mut Command, lock: &Path) -> Result<Tree> {
    cargo.args(["--edges", "normal", "--prefix", "depth"]);
    cargo.args(["--charset", "ascii", "--format", "{p}\t[{l}]"]);
    let mut tree =
        parse(&tools::output(cargo)?).context("cannot parse the output of `cargo tree`")?;
    let text =
        std::fs::read_to_string(lock).with_context(|| format!("cannot read {}", lock.display()))?;
    tree.look_up(&text)
        .with_context(|| format!("cannot read {}", lock.display()))?;
    Ok(tree)
}

/// Parses lines such as `2serde v1.0.0 (proc-macro)<TAB>[MIT] (*)`. `(*)` means that the package's own
/// dependencies are listed further up.
fn parse(text: &str) -> Option<Tree> {
    let mut tree = Tree::default();
    let mut path: Vec<Key> = Vec::new();
    for line in text.lines().filter(|line| !line.is_empty()) {
        let digits = line.find(|letter: char| !letter.is_ascii_digit())?;
        let (depth, rest) = line.split_at(digits);
        let (package, licence) = rest.split_once('\t')?;
        let mut words = package.split(' ');
        let name = words.next()?.to_owned();
        let version = words.next()?.strip_prefix('v')?.to_owned();
        let key = (name, version);
        path.truncate(depth.parse().ok()?);
        match path.last() {
            Some(parent) => {
                let parent = tree.packages.get_mut(parent)?;
                parent.dependencies.insert(key.clone());
            }
            None => tree.root = key.clone(),
        }
        path.push(key.clone());
        let licence = licence.strip_suffix(" (*)").unwrap_or(licence);
        let licence = licence.strip_prefix('[')?.strip_suffix(']')?;
        licence.clone_into(&mut tree.packages.entry(key).or_default().licence);
    }
    Some(tree)
}

/// `Cargo.lock`.
#[derive(Deserialize)]
struct Lock {
    package: Vec<Locked>,
}

#[derive(Deserialize)]
struct Locked {
    name: String,
    version: String,
    source: Option<String>,
    checksum: Option<String>,
}

impl Tree {
    /// Adds the sources and checksums in the text of a lock file.
    fn look_up(&mut self, lock: &str) -> Result<()> {
        for locked in toml::from_str::<Lock>(lock)?.package {
            let key = (locked.name, locked.version);
            if let Some(package) = self.packages.get_mut(&key) {
                package.source = locked.source;
                package.checksum = locked.checksum;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn key(name: &str, version: &str) -> Key {
        (name.to_owned(), version.to_owned())
    }

    #[test]
    fn each_package_has_the_dependencies_below_it() {
        let text = "0shop v0.1.0 (/home/a b/shop)\t[]\n\
                    1serde v1.0.0\t[MIT OR Apache-2.0]\n\
                    2serde_derive v1.0.1 (proc-macro)\t[MIT]\n\
                    1toml v0.9.0+spec-1.1\t[Unlicense/MIT]\n\
                    2serde v1.0.0\t[MIT OR Apache-2.0] (*)\n";
        let mut tree = parse(text).unwrap();
        let (shop, serde) = (key("shop", "0.1.0"), key("serde", "1.0.0"));
        let (derive, toml) = (key("serde_derive", "1.0.1"), key("toml", "0.9.0+spec-1.1"));
        assert_eq!(tree.root, shop);
        let below = |of: &Key| tree.packages[of].dependencies.clone();
        assert_eq!(below(&shop), [serde.clone(), toml.clone()].into());
        assert_eq!(below(&serde), [derive.clone()].into());
        assert_eq!(below(&toml), [serde.clone()].into());
        assert_eq!(tree.packages[&serde].licence, "MIT OR Apache-2.0");
        assert_eq!(tree.packages[&shop].licence, "");

        let lock = "version = 4\n[[package]]\nname = \"serde\"\nversion = \"1.0.0\"\n\
                    source = \"registry+x\"\nchecksum = \"ab\"\n\
                    [[package]]\nname = \"serde\"\nversion = \"0.9.0\"\nchecksum = \"cd\"\n\
                    [[package]]\nname = \"shop\"\nversion = \"0.1.0\"\n";
        tree.look_up(lock).unwrap();
        let serde = &tree.packages[&serde];
        assert_eq!(serde.checksum.as_deref(), Some("ab"));
        assert_eq!(serde.source.as_deref(), Some("registry+x"));
        assert_eq!(tree.packages[&shop].source, None);
        assert_eq!(tree.packages.len(), 4);
    }

    #[test]
    fn a_single_package_without_a_licence_is_a_tree() {
        let tree = parse("0shop v0.1.0 (/shop)\t[]").unwrap();
        assert_eq!(tree.packages.len(), 1);
        assert_eq!(tree.packages[&tree.root], Package::default());
    }

    #[test]
    fn other_output_is_an_error() {
        for text in [
            "serde v1.0.0\t[MIT]",
            "0serde\t[MIT]",
            "0serde v1.0.0",
            "0serde v1.0.0\tMIT",
        ] {
            assert!(parse(text).is_none(), "{text}");
        }
    }
}
