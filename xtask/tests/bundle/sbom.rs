//! Compares the SBOM beside the zip with the output of cargo and with the zip.

use std::collections::BTreeSet;
use std::path::Path;
use std::{env, fs};

use flipless_testing::programs::workspace;

use cyclonedx_bom::prelude::{Bom, Component, SpecVersion, Validate};

use super::{bundle, dist, run, said};

/// Reads the SBOM. The library also validates it.
fn read(zip: &Path) -> Bom {
    let file = fs::File::open(zip.with_extension("cdx.json")).unwrap();
    let bom = Bom::parse_from_json_v1_5(file).unwrap();
    let validity = bom.validate_version(SpecVersion::V1_5);
    assert!(validity.passed(), "{validity:?}");
    bom
}

fn components(bom: &Bom) -> &[Component] {
    &bom.components.as_ref().unwrap().0
}

fn find<'a>(bom: &'a Bom, reference: &str) -> &'a Component {
    let mut components = components(bom).iter();
    let found = components.find(|component| component.bom_ref.as_deref() == Some(reference));
    found.unwrap_or_else(|| panic!("no {reference}"))
}

fn hash(component: &Component) -> &str {
    &component.hashes.as_ref().unwrap().0[0].content.0
}

fn below<'a>(bom: &'a Bom, reference: &str) -> &'a [String] {
    let mut edges = bom.dependencies.as_ref().unwrap().0.iter();
    let edge = edges.find(|edge| edge.dependency_ref == reference);
    &edge.unwrap().dependencies
}

/// The package of each executable, and the features that `dist` builds it with.
const AGENT: (&str, &str) = ("flipless-agent", "");
const SERVER: (&str, &str) = ("flipless-demo", "server");
const CERTIFICATES: (&str, &str) = ("flipless-certificates", "");

/// Returns NAME@VERSION of every package that cargo links into a binary, down to a depth, without the binary's
/// own package.
fn tree((package, features): (&str, &str), depth: &str) -> BTreeSet<String> {
    let words = "tree --locked --edges normal --prefix none --no-default-features \
                 --target x86_64-unknown-linux-gnu --format {p}";
    let more = [
        "--package",
        package,
        "--features",
        features,
        "--depth",
        depth,
    ];
    let words: Vec<&str> = words.split(' ').chain(more).collect();
    let cargo = env::var("CARGO").unwrap();
    let listed = run(&cargo, &words, workspace());
    let names = listed.lines().filter_map(|line| {
        let (name, version) = line.split_once(" v")?;
        Some(format!("{name}@{}", version.split(' ').next()?))
    });
    let root = format!("{package}@{}", env!("CARGO_PKG_VERSION"));
    names.filter(|name| *name != root).collect()
}

/// Returns every package that the SBOM lists below an executable, at any depth.
fn reached(bom: &Bom, place: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut open = vec![place.to_owned()];
    while let Some(reference) = open.pop() {
        for next in below(bom, &reference) {
            if found.insert(next.clone()) {
                open.push(next.clone());
            }
        }
    }
    found
}

/// Returns NAME@VERSION of every component.
fn libraries(bom: &Bom) -> BTreeSet<String> {
    let names = components(bom).iter().map(|component| {
        let version = component.version.as_ref().unwrap();
        format!("{}@{version}", component.name)
    });
    names.collect()
}

/// Asserts that the SBOM names exactly the packages of these executables.
fn assert_names_of(bom: &Bom, executables: &[(&str, (&str, &str))]) {
    let mut expected = BTreeSet::new();
    for &(place, package) in executables {
        let all = tree(package, "99");
        let direct: BTreeSet<_> = below(bom, place).iter().cloned().collect();
        assert_eq!(direct, tree(package, "1"), "{place}");
        // Below the direct dependencies, the SBOM lists for each package the dependencies that it has in any of the
        // executables.
        assert!(reached(bom, place).is_superset(&all), "{place}");
        expected.extend(all);
        // The SBOM also names the packages of the executables themselves.
        expected.insert(format!("{}@{}", package.0, env!("CARGO_PKG_VERSION")));
    }
    assert_eq!(libraries(bom), expected);
}

#[test]
fn the_sbom_names_exactly_the_packages_that_cargo_links_into_the_executables() {
    let bom = read(&bundle().zip);
    assert_names_of(&bom, &[("bin/server", SERVER), ("bin/flipless", AGENT)]);
    // The SBOM contains no dev-dependencies and no build-dependencies.
    for name in ["proptest", "zip", "minijinja", "tempfile"] {
        let found = libraries(&bom)
            .iter()
            .any(|library| library.starts_with(name));
        assert!(!found, "{name}");
    }
}

#[test]
fn only_with_https_the_sbom_names_the_program_for_certificates() {
    let folder = tempfile::tempdir().unwrap();
    let config = workspace().join("rehearse/tests/fixtures/https.toml");
    let output = dist(&["--config", config.to_str().unwrap()], folder.path());
    assert!(output.status.success(), "{}", said(&output));
    let zip = String::from_utf8(output.stdout).unwrap();
    let bom = read(Path::new(zip.trim()));
    let executables = [
        ("bin/server", SERVER),
        ("bin/flipless", AGENT),
        ("bin/flipless-certificates", CERTIFICATES),
    ];
    assert_names_of(&bom, &executables);
    for name in ["rustls@", "instant-acme@"] {
        let among = |bom| libraries(bom).iter().any(|found| found.starts_with(name));
        assert!(among(&bom), "{name}");
        assert!(!among(&read(&bundle().zip)), "{name}");
    }
}

#[test]
fn each_executable_has_its_hash_and_each_crate_its_origin() {
    let bundle = bundle();
    let bom = read(&bundle.zip);
    let metadata = bom.metadata.as_ref().unwrap();
    let subject = metadata.component.as_ref().unwrap();
    let manifest = bundle.manifest();
    assert_eq!(hash(subject), manifest["sha256"].as_str().unwrap());
    for entry in manifest["entries"].as_array().unwrap() {
        let name = entry["path"].as_str().unwrap();
        if name.starts_with("bin/") {
            assert_eq!(hash(find(&bom, name)), entry["sha256"].as_str().unwrap());
        }
    }
    let lock = workspace().join("Cargo.lock");
    let lock: toml::Table = toml::from_str(&fs::read_to_string(lock).unwrap()).unwrap();
    let packages = lock["package"].as_array().unwrap();
    let lexopt = packages
        .iter()
        .find(|one| one["name"].as_str() == Some("lexopt"));
    let text = |key: &str| lexopt.unwrap()[key].as_str().unwrap();
    let reference = format!("lexopt@{}", text("version"));
    let component = find(&bom, &reference);
    assert_eq!(hash(component), text("checksum"));
    let purl = component.purl.as_ref().unwrap();
    assert_eq!(purl.to_string(), format!("pkg:cargo/{reference}"));
    assert!(components(&bom).iter().all(|one| one.licenses.is_some()));
}

#[test]
fn the_manifest_names_the_sbom_and_the_sbom_contains_no_path_of_this_machine() {
    let zip = &bundle().zip;
    let path = zip.with_extension("cdx.json");
    let name = path.file_name().unwrap().to_str().unwrap();
    assert_eq!(bundle().manifest()["sbom"], name);
    let text = fs::read_to_string(&path).unwrap();
    for place in [
        workspace().to_str().unwrap(),
        &env::var("HOME").unwrap(),
        "file:",
    ] {
        assert!(!text.contains(&format!("{place}/")), "{place}");
    }
}

#[test]
fn a_prebuilt_server_is_listed_with_its_hash_and_unknown_dependencies() {
    let server = bundle().file("bin/server");
    let folder = tempfile::tempdir().unwrap();
    let output = dist(&["--server", server.to_str().unwrap()], folder.path());
    assert!(output.status.success(), "{}", said(&output));
    let zip = String::from_utf8(output.stdout).unwrap();
    let bom = read(Path::new(zip.trim()));
    let component = find(&bom, "bin/server");
    assert_eq!(
        hash(component),
        hash(find(&read(&bundle().zip), "bin/server"))
    );
    let description = component.description.as_ref().unwrap();
    assert!(description.contains("are unknown"), "{description}");
    let compositions = bom.compositions.as_ref().unwrap();
    let composition = &compositions.0[0];
    assert_eq!(composition.aggregate.to_string(), "unknown");
    assert_eq!(
        composition.dependencies.as_ref().unwrap()[0].0,
        "bin/server"
    );
    assert!(
        !components(&bom)
            .iter()
            .any(|one| one.name.to_string() == "axum")
    );
    assert!(below(&bom, "bin/flipless").len() > 3);
}

#[test]
fn no_file_is_written_if_one_of_them_cannot_be() {
    let server = bundle().file("bin/server");
    let folder = tempfile::tempdir().unwrap();
    let name = bundle().zip.file_stem().unwrap().to_str().unwrap();
    let in_the_way = folder.path().join(format!("{name}.cdx.json"));
    fs::create_dir(&in_the_way).unwrap();
    let output = dist(&["--server", server.to_str().unwrap()], folder.path());
    assert_eq!(output.status.code(), Some(1));
    let said = said(&output);
    assert!(said.contains(in_the_way.to_str().unwrap()), "{said}");
    let names = fs::read_dir(folder.path()).unwrap();
    let names: Vec<_> = names.map(|entry| entry.unwrap().path()).collect();
    assert_eq!(names, [in_the_way]);
}
