#![allow(clippy::unwrap_used)]
use super::*;
use crate::self_signed;
use proptest::prelude::*;

fn file(name: &str) -> String {
    self_signed::file(&[name.into()], 1_790_000_000).unwrap()
}

/// Returns a file with the key of one certificate, and with another certificate.
fn mixed() -> String {
    let (one, two) = (file("a.example"), file("b.example"));
    let split = |text: &str| text.find("-----BEGIN CERTIFICATE").unwrap();
    format!("{}{}", &one[..split(&one)], &two[split(&two)..])
}

#[test]
fn a_key_of_another_certificate_does_not_match() {
    assert!(
        Certificate::parse(file("a.example").as_bytes())
            .unwrap()
            .facts
            .key_matches
    );
    let mixed = Certificate::parse(mixed().as_bytes()).unwrap();
    assert!(!mixed.facts.key_matches);
    assert_eq!(mixed.current(), None);
}

#[test]
fn a_broken_file_has_a_reason() {
    let good = file("a.example");
    let at = good.find("-----BEGIN CERTIFICATE").unwrap();
    assert!(matches!(Certificate::parse(b""), Err(Fault::Empty)));
    assert!(matches!(
        Certificate::parse(&good.as_bytes()[..at]),
        Err(Fault::Empty)
    ));
    let cut = &good.as_bytes()[..good.len() - 40];
    assert!(matches!(Certificate::parse(cut), Err(Fault::Pem(_))));
    let bytes = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    assert!(matches!(
        Certificate::parse(bytes.as_bytes()),
        Err(Fault::Certificate(1))
    ));
    let key = "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n";
    let with = format!("{key}{}", &good[at..]);
    assert!(matches!(
        Certificate::parse(with.as_bytes()),
        Err(Fault::Key)
    ));
}

#[test]
fn the_chain_in_pem_reads_back() {
    let certificate = Certificate::parse(file("a.example").as_bytes()).unwrap();
    let text = to_pem(&certificate.chain);
    assert!(text.lines().all(|line| line.len() <= 64), "{text}");
    assert_eq!(
        Certificate::parse(text.as_bytes()).unwrap().chain,
        certificate.chain
    );
}

proptest! {
    #![proptest_config(flipless_testing::any_input(256))]
    #[test]
    fn any_file_is_read_or_refused(at in 0..700_usize, byte: u8, cut in 0..900_usize) {
        let mut content = file("a.example").into_bytes();
        let at = at % content.len();
        content[at] = byte;
        content.truncate(cut.max(1));
        let _ = Certificate::parse(&content);
    }
}
