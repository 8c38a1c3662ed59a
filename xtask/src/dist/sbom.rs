//! The SBOM beside the zip, in CycloneDX 1.5 (<https://cyclonedx.org/docs/1.5/json>): the crates in the executables,
//! including procedural macros. The SBOM does not depend on the clock, on random numbers, or on paths of this machine.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result, ensure};
use cyclonedx_bom::models::bom::BomReference;
use cyclonedx_bom::models::component::Classification;
use cyclonedx_bom::models::composition::{AggregateType, Composition, Compositions};
use cyclonedx_bom::models::dependency::{Dependencies, Dependency};
use cyclonedx_bom::models::hash::{Hash, HashAlgorithm, HashValue, Hashes};
use cyclonedx_bom::models::license::{LicenseChoice, Licenses};
use cyclonedx_bom::models::metadata::Metadata;
use cyclonedx_bom::models::tool::{Tool, Tools};
use cyclonedx_bom::prelude::*;
use purl::GenericPurlBuilder;

use super::dependencies::{Key, Package, Tree};

/// An executable of the bundle.
pub struct Executable {
    /// Its name in the zip.
    pub place: String,
    /// The packages from which cargo built the executable; `None` for a prebuilt executable.
    pub tree: Option<Tree>,
}

/// The bundle that the SBOM describes.
pub struct Subject<'a> {
    /// The application's name.
    pub name: &'a str,
    /// Its version, if it has one.
    pub version: Option<String>,
    /// The zip's name.
    pub zip: &'a str,
    /// SHA-256 of the zip, in hex.
    pub sha256: &'a str,
    /// `SOURCE_DATE_EPOCH` as ISO 8601, if it is set.
    pub timestamp: Option<String>,
    /// SHA-256 of each entry of the zip.
    pub entries: BTreeMap<&'a str, &'a str>,
}

/// Returns the SBOM as JSON text.
///
/// # Errors
/// If the document is invalid because of a package's name or version.
pub fn document(subject: &Subject, executables: &[Executable]) -> Result<String> {
    let mut components: BTreeMap<String, Component> = BTreeMap::new();
    let mut edges: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let mut unknown = Vec::new();
    for executable in executables {
        let place = &executable.place;
        let below = edges.entry(subject.reference()).or_default();
        below.insert(place.clone());
        components.insert(place.clone(), application(subject, executable)?);
        let Some(tree) = &executable.tree else {
            unknown.push(BomReference::new(place.clone()));
            continue;
        };
        for (key, package) in &tree.packages {
            let is_root = *key == tree.root;
            let reference = if is_root {
                place.clone()
            } else {
                reference(key)
            };
            let below = package.dependencies.iter().map(self::reference);
            // Two executables may use a package with different features. The SBOM then has the edges of both.
            edges.entry(reference.clone()).or_default().extend(below);
            if !is_root {
                components.insert(reference, component(Classification::Library, key, package)?);
            }
        }
    }
    let bom = Bom {
        serial_number: Some(subject.serial_number()?),
        metadata: Some(subject.metadata()?),
        components: Some(Components(components.into_values().collect())),
        dependencies: Some(dependencies(edges)),
        compositions: compositions(unknown),
        spec_version: SpecVersion::V1_5,
        ..Bom::default()
    };
    let validity = bom.validate_version(SpecVersion::V1_5);
    ensure!(validity.passed(), "the SBOM is invalid: {validity:?}");
    let mut text = Vec::new();
    bom.output_as_json_v1_5(&mut text)?;
    Ok(String::from_utf8(text)? + "\n")
}

impl Subject<'_> {
    /// The reference of the bundle. It differs from every crate's reference, which contains an `@`.
    fn reference(&self) -> String {
        self.zip.to_owned()
    }

    /// Returns a UUID of version 8, made from the zip's hash. RFC 9562 leaves the content of this version to the
    /// application.
    fn serial_number(&self) -> Result<UrnUuid> {
        let hex = |from: usize, to: usize| self.sha256.get(from..to).context("no hash");
        let (a, b, c) = (hex(0, 8)?, hex(8, 12)?, hex(12, 15)?);
        let (d, e) = (hex(15, 18)?, hex(18, 30)?);
        let text = format!("urn:uuid:{a}-{b}-8{c}-a{d}-{e}");
        UrnUuid::new(text).ok().context("not a UUID")
    }

    fn metadata(&self) -> Result<Metadata> {
        let timestamp = self.timestamp.clone().map(DateTime::try_from).transpose()?;
        let kind = Classification::Application;
        let version = self.version.as_deref().unwrap_or_default();
        let mut bundle = Component::new(kind, self.name, version, Some(self.reference()));
        // In CycloneDX an empty version differs from a missing version.
        bundle.version = bundle.version.filter(|_| self.version.is_some());
        bundle.hashes = Some(sha256(self.sha256));
        let tool = Tool::new("flipless", "cargo xtask dist", env!("CARGO_PKG_VERSION"));
        Ok(Metadata {
            timestamp,
            tools: Some(Tools::List(vec![tool])),
            component: Some(bundle),
            ..Metadata::default()
        })
    }
}

/// Returns the component for the executable itself, with the hash of its file in the zip.
fn application(subject: &Subject, executable: &Executable) -> Result<Component> {
    let (place, kind) = (&executable.place, Classification::Application);
    let mut application = match &executable.tree {
        Some(tree) => component(kind, &tree.root, &tree.packages[&tree.root])?,
        None => {
            let mut prebuilt = Component::new(kind, place, "", None);
            prebuilt.version = None;
            let text = "prebuilt: its dependencies are unknown";
            prebuilt.description = Some(NormalizedString::new(text));
            prebuilt
        }
    };
    let hash = subject.entries.get(place.as_str());
    let hash = hash.with_context(|| format!("the zip has no `{place}`"))?;
    application.hashes = Some(sha256(hash));
    application.bom_ref = Some(place.clone());
    Ok(application)
}

fn component(kind: Classification, key: &Key, package: &Package) -> Result<Component> {
    let mut component = Component::new(kind, &key.0, &key.1, Some(reference(key)));
    component.hashes = package.checksum.as_deref().map(sha256);
    component.purl = purl(key, package)?;
    component.licenses = licence(&package.licence).map(|licence| Licenses(vec![licence]));
    Ok(component)
}

/// The reference of a crate: NAME@VERSION. The references of executables are paths.
fn reference((name, version): &Key) -> String {
    format!("{name}@{version}")
}

/// Returns the package URL (<https://github.com/package-url/purl-spec>, type `cargo`). `None` for a package without a
/// source, such as a path dependency, because its URL would name an unrelated package on crates.io.
fn purl((name, version): &Key, package: &Package) -> Result<Option<Purl>> {
    let Some(source) = package.source.as_deref() else {
        return Ok(None);
    };
    let purl = GenericPurlBuilder::new("cargo".to_owned(), name.as_str());
    let mut purl = purl.with_version(version.as_str());
    let registry = source.strip_prefix("registry+").unwrap_or(source);
    if source.starts_with("git+") {
        purl = purl.with_qualifier("vcs_url", source.replace('#', "@"))?;
    } else if registry != "https://github.com/rust-lang/crates.io-index" {
        purl = purl.with_qualifier("repository_url", registry)?;
    }
    let text = purl.build()?.to_string();
    let parsed = text.parse().ok();
    let parsed = parsed.with_context(|| format!("`{text}` is not a valid package URL"));
    Ok(Some(parsed?))
}

/// Returns the licence as an SPDX expression. Parses leniently, because old manifests contain `MIT/Apache-2.0`. A text
/// that is no expression becomes the name of a licence.
fn licence(text: &str) -> Option<LicenseChoice> {
    (!text.is_empty()).then(|| match SpdxExpression::parse_lax(text.to_owned()) {
        Ok(expression) => LicenseChoice::Expression(expression),
        Err(_) => LicenseChoice::license(text),
    })
}

fn sha256(hex: &str) -> Hashes {
    Hashes(vec![Hash {
        alg: HashAlgorithm::SHA_256,
        content: HashValue(hex.to_owned()),
    }])
}

fn dependencies(edges: BTreeMap<String, BTreeSet<String>>) -> Dependencies {
    let edges = edges.into_iter().map(|(reference, below)| Dependency {
        dependency_ref: reference,
        dependencies: below.into_iter().collect(),
    });
    Dependencies(edges.collect())
}

/// Declares that the dependencies of prebuilt executables are unknown. Otherwise a reader would assume that these
/// executables have no dependencies.
fn compositions(unknown: Vec<BomReference>) -> Option<Compositions> {
    (!unknown.is_empty()).then(|| {
        Compositions(vec![Composition {
            bom_ref: None,
            aggregate: AggregateType::Unknown,
            assemblies: None,
            dependencies: Some(unknown),
            vulnerabilities: None,
            signature: None,
        }])
    })
}
