#![allow(clippy::unwrap_used)]
use super::*;
use proptest::prelude::*;

#[test]
fn the_file_comes_back_as_it_was_written() {
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(Progress::load(folder.path()), (Progress::default(), None));
    let mut progress = Progress::default();
    progress.fail(
        7,
        &Https::default(),
        (Kind::Refused, None),
        u64::MAX,
        "no".into(),
    );
    progress.save(folder.path()).unwrap();
    assert_eq!(Progress::load(folder.path()), (progress, None));
}

#[test]
fn failures_count_for_the_same_settings_and_kind_alone() {
    let mut progress = Progress::default();
    let settings = Https::default();
    let changed = Https {
        port: 8443,
        ..settings.clone()
    };
    let mut fail = |settings, kind| {
        progress.fail(1000, settings, (kind, None), u64::MAX, "no".into());
        (progress.failures, progress.next_try.unwrap() - 1000)
    };
    assert_eq!(fail(&settings, Kind::Refused), (1, 900));
    assert_eq!(fail(&settings, Kind::Refused), (2, 1800));
    assert_eq!(fail(&changed, Kind::Refused), (1, 900));
    assert_eq!(fail(&changed, Kind::Local), (1, 300));
}

proptest! {
    #![proptest_config(flipless_testing::any_input(256))]
    #[test]
    fn any_file_is_read_or_said_to_be_unreadable(content in prop_oneof![
        prop::collection::vec(any::<u8>(), 0..60),
        r#"\{"(failures|kind|issued|tried|next_try)": (-1|[0-9]{1,25}|null|\[\]|"x"|\{\})\}"#.prop_map(String::into_bytes),
    ]) {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join(FILE), &content).unwrap();
        let (progress, fault) = Progress::load(folder.path());
        prop_assert!(fault.is_none() || progress == Progress::default());
        progress.save(folder.path()).unwrap();
        prop_assert_eq!(Progress::load(folder.path()), (progress, None));
    }
}
