#![allow(clippy::unwrap_used)]
use super::*;

#[test]
fn a_changed_copy_keeps_the_other_files() {
    let folder = tempfile::tempdir().unwrap();
    let (first, second) = (folder.path().join("1.zip"), folder.path().join("2.zip"));
    stock_app(&first, "one").unwrap();
    let files = [("REHEARSAL", "2", 0o644), ("Procfile", "web: x", 0o644)];
    let changes = Changes {
        rename: Some(("app.conf", "a.conf")),
        files: &files,
    };
    changed(&first, &second, &changes).unwrap();
    let mut archive = ZipArchive::new(File::open(&second).unwrap()).unwrap();
    let names: Vec<_> = archive
        .file_names()
        .map(|name| name.unwrap().into_owned())
        .collect();
    assert_eq!(names, ["a.conf", "REHEARSAL", "Procfile"]);
    let text = io::read_to_string(archive.by_name("a.conf").unwrap()).unwrap();
    assert!(text.contains("\"release one\\n\""), "{text}");
}

/// Several instances may use one path at the same time.
#[test]
fn a_bundle_that_is_being_read_stays_whole_while_another_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("1.zip");
    stock_app(&path, "one").unwrap();
    let file = File::open(&path).unwrap();
    stock_app(&path, "two").unwrap();
    let mut archive = ZipArchive::new(file).unwrap();
    let text = io::read_to_string(archive.by_name("app.conf").unwrap()).unwrap();
    assert!(text.contains("release one"), "{text}");
    let names: Vec<_> = folder.path().read_dir().unwrap().collect();
    assert_eq!(names.len(), 1, "{names:?}");
}

#[test]
fn a_bundle_with_the_upstream_retries() {
    let folder = tempfile::tempdir().unwrap();
    let (without, with) = (folder.path().join("1.zip"), folder.path().join("2.zip"));
    stock_app(&without, "one").unwrap();
    let changes = Changes {
        files: &[("nginx/zz-flipless-upstream.conf", "", 0o644)],
        ..Changes::default()
    };
    changed(&without, &with, &changes).unwrap();
    assert!(!retries(&without).unwrap() && retries(&with).unwrap());
}

#[test]
fn server_and_health_path_are_read_from_the_unit() {
    let folder = tempfile::tempdir().unwrap();
    let (stock, path) = (folder.path().join("1.zip"), folder.path().join("2.zip"));
    stock_app(&stock, "one").unwrap();
    assert_eq!(health_path_of(&stock).unwrap(), "/health");
    let unit = "[Service]\nEnvironment=FLIPLESS_HEALTH_PATH=/up\n\
                ExecStart=/opt/flipless/runs/%i/app/bin/shop \"-v\"\n";
    let files = [("systemd/flipless-app@.service", unit, 0o644)];
    let changes = Changes {
        files: &files,
        ..Changes::default()
    };
    changed(&stock, &path, &changes).unwrap();
    assert_eq!(server_of(&path).unwrap(), "bin/shop");
    assert_eq!(health_path_of(&path).unwrap(), "/up");
}

#[test]
fn the_path_of_the_zip_is_read_from_the_output_of_dist() {
    assert_eq!(
        parse_dist(br#"{"zip":"/x/a.zip","bytes":1}"#),
        Some("/x/a.zip".into())
    );
    assert_eq!(parse_dist(b""), None);
}

#[test]
fn the_error_names_a_file_that_is_not_a_zip() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.zip");
    std::fs::write(&path, "x").unwrap();
    let error = changed(&path, &folder.path().join("y.zip"), &Changes::default()).unwrap_err();
    assert!(error.to_string().contains("x.zip"), "{error}");
}

#[test]
fn only_statuses_from_200_to_299_are_successes() {
    for statuses in ["200-299", "200", "200,204", "204-206,201"] {
        assert!(are_successes(statuses), "{statuses}");
    }
    for statuses in ["200-300", "200-299,401", "301", "", "2"] {
        assert!(!are_successes(statuses), "{statuses}");
    }
}
