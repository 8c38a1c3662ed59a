//! The program with Debian's pebble as the authority.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, missing_docs, reason = "tests")]

#[path = "pebble/authority.rs"]
mod authority;
#[path = "pebble/ended.rs"]
mod ended;
#[path = "pebble/instance.rs"]
mod instance;
#[path = "pebble/proxy.rs"]
mod proxy;
#[path = "pebble/slow.rs"]
mod slow;

use std::time::Duration;

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use flipless_certificates::back_off::Kind;
use flipless_certificates::clock::{self, DAY, MINUTE};

use authority::{Setup, free_port};
use instance::{Instance, Run};
use proxy::problem;

#[test]
fn the_first_certificate_is_ordered_once_and_renewed_when_forced() {
    let instance = Instance::new();
    instance.renewed(&[]);
    let first = instance.certificate();
    assert_eq!(
        first.facts.names.to_string(),
        "a.flipless.example, b.flipless.example"
    );
    assert!(first.facts.key_matches && first.chain.len() == 2);
    let progress = instance.progress();
    assert_eq!((progress.failures, &progress.last_error), (0, &None));
    assert!(progress.last_success.is_some() && progress.next_try == progress.renew_at);

    instance.proxy.asked();
    // pebble suggests no time for the renewal. The next call learns this from pebble's directory, and the call after it
    // asks nothing.
    instance.renewed(&[]);
    assert_eq!(instance.proxy.asked(), ["/dir"]);
    instance.renewed(&[]);
    assert_eq!(instance.proxy.asked(), [""; 0]);
    assert_eq!(instance.certificate().chain, first.chain);

    let account = instance.account();
    instance.renewed(&["--force"]);
    assert_ne!(instance.certificate().chain, first.chain);
    assert_eq!(instance.account(), account);
    assert_eq!(instance.progress().issued.len(), 2);
}

#[test]
fn a_suggested_renewal_names_the_old_certificate_and_falls_back_to_an_ordinary_order() {
    let instance = Instance::new();
    instance.renewed(&[]);
    // The authority suggests a time for the renewal (RFC 9773), which is over. In the first round it refuses the order
    // as a renewal. In the second round pebble ignores the field `replaces`, which counts as a refusal, too.
    let mut replaced = 0;
    instance.proxy.script(move |asked, answer| {
        if asked.path == "/dir" {
            let mut directory: serde_json::Value = serde_json::from_slice(answer.body()).unwrap();
            let base = directory["newOrder"].as_str().unwrap().replace("/order-plz", "/ari");
            directory["renewalInfo"] = base.into();
            return answer.map(|_| directory.to_string().into());
        }
        if asked.path.starts_with("/ari/") {
            let window = r#"{"suggestedWindow": {"start": "2025-01-02T04:00:00Z", "end": "2025-01-03T04:00:00Z"}}"#;
            let info = http::Response::builder().header("retry-after", "21600");
            return info.body(window.into()).unwrap();
        }
        if asked.payload["replaces"].is_string() {
            replaced += 1;
            if replaced == 1 {
                return problem(409, "alreadyReplaced", "already replaced");
            }
        }
        answer
    });
    for _ in 0..2 {
        let first = instance.certificate();
        instance.proxy.asked();
        let said = instance.renewed(&[]);
        assert!(said.contains("the authority asks for a renewal"), "{said}");
        assert_ne!(instance.certificate().chain, first.chain);
        let orders = instance
            .proxy
            .asked()
            .into_iter()
            .filter(|path| path == "/order-plz");
        assert_eq!(orders.count(), 2);
    }
}

#[test]
fn changed_domains_and_a_changed_directory_are_ordered_at_once() {
    let mut instance = Instance::new();
    instance.renewed(&[]);
    instance.settings.https.domains = vec!["c.flipless.example".into()];
    let said = instance.renewed(&[]);
    assert!(said.contains("lacks a domain"), "{said}");
    assert_eq!(
        instance.certificate().facts.names.to_string(),
        "c.flipless.example"
    );
    let account = instance.account();
    instance.settings.https.directory.push_str("?another");
    instance.renewed(&[]);
    assert_ne!(instance.account(), account);
}

#[test]
fn the_authority_is_not_asked_before_the_test_token_comes_back() {
    let mut instance = Instance::new();
    instance.connect_to = format!("127.0.0.1:{}", free_port());
    let said = instance.refused(&[]);
    assert!(
        said.contains("http://a.flipless.example/.well-known/acme-challenge/"),
        "{said}"
    );
    assert!(
        said.contains("; http://b.flipless.example/") && said.contains("hint: let the A record"),
        "{said}"
    );
    let progress = instance.progress();
    assert_eq!((progress.kind, progress.failures), (Some(Kind::Local), 1));
    assert!(said.contains("the next try is at"), "{said}");
    // A call before the time of the next try asks nothing and prints nothing. A forced call tries again.
    let said = instance.renewed(&[]);
    assert_eq!(said, "");
    // Another server answers.
    instance.connect_to = format!("127.0.0.1:{}", instance.proxy.port);
    instance.refused(&["--force"]);
    assert_eq!(instance.progress().failures, 2);
    assert_eq!(instance.proxy.asked(), [""; 0]);
    assert!(!instance.state("account.json").exists());
}

#[test]
fn a_refusal_has_the_authoritys_reason_and_keeps_the_old_certificate() {
    // pebble fetches challenges from a port where nothing listens.
    let instance = Instance::with(Setup {
        challenges: free_port(),
        ..Setup::default()
    });
    std::fs::write(instance.state("certificate.pem"), "broken").unwrap();
    std::fs::set_permissions(
        instance.state("certificate.pem"),
        std::os::unix::fs::PermissionsExt::from_mode(0o600),
    )
    .unwrap();
    let said = instance.refused(&[]);
    assert!(
        said.contains("a.flipless.example: ") && said.contains("(connection)"),
        "{said}"
    );
    let progress = instance.progress();
    assert!(progress.last_error.unwrap().contains("(connection)"));
    assert_eq!(progress.kind, Some(Kind::Refused));
    assert!(progress.next_try.unwrap() >= clock::now() + 14 * MINUTE);
    assert_eq!(progress.issued, []);
    instance.proxy.asked();
    instance.renewed(&[]);
    assert_eq!(instance.proxy.asked(), [""; 0]);
    assert_eq!(instance.file(), b"broken");
}

#[test]
fn an_authority_that_is_down_or_answers_no_acme_is_tried_again_soon() {
    let mut instance = Instance::new();
    instance.renewed(&[]);
    let old = instance.file();
    instance.stop_authority();
    let said = instance.refused(&["--force"]);
    assert!(said.contains("502 Bad Gateway: no pebble"), "{said}");
    assert_eq!(instance.progress().kind, Some(Kind::Busy));
    assert_eq!(instance.file(), old);
    instance.settings.https.directory = instance.settings.https.directory.replace("https", "http");
    let said = instance.refused(&[]);
    assert!(said.contains("/dir is not an https address"), "{said}");
    instance.settings.https.directory = instance.settings.https.directory.replace("http", "https");
    // The certificate in use still fits the settings. So no order is due, and the program forgets the failure.
    instance.replace_authority();
    instance.renewed(&[]);
    assert_eq!(
        (instance.progress().failures, instance.progress().last_error),
        (0, None)
    );
}

#[test]
fn a_rate_limit_is_respected_for_as_long_as_the_authority_asks() {
    let instance = Instance::new();
    instance
        .proxy
        .script(|asked, answer| match asked.path.as_str() {
            "/order-plz" => {
                let mut answer = problem(
                    429,
                    "rateLimited",
                    "too many certificates (5) already issued",
                );
                answer
                    .headers_mut()
                    .insert("retry-after", "150000".parse().unwrap());
                answer
            }
            _ => answer,
        });
    let said = instance.refused(&[]);
    assert!(
        said.contains("too many certificates (5) already issued (rateLimited)"),
        "{said}"
    );
    let progress = instance.progress();
    assert_eq!(progress.kind, Some(Kind::Limited));
    let wait = progress.next_try.unwrap() - progress.last_try.unwrap();
    assert_eq!(wait, 150_000);
    instance.proxy.asked();
    instance.renewed(&[]);
    assert_eq!(instance.proxy.asked(), [""; 0]);
}

#[test]
fn a_run_that_is_killed_counts_as_a_try() {
    let instance = Instance::new();
    let (release, hold) = std::sync::mpsc::channel::<()>();
    let (reached, order) = std::sync::mpsc::channel();
    instance.proxy.script(move |asked, answer| {
        if asked.path == "/order-plz" {
            let _ = reached.send(());
            // Waits until the program is killed.
            let _ = hold.recv();
        }
        answer
    });
    let mut run = instance
        .command()
        .stderr(std::process::Stdio::null())
        .spawn()
        .unwrap();
    // The program waits for this answer, so no request of the killed program comes later.
    order.recv_timeout(Duration::from_secs(30)).unwrap();
    run.kill().unwrap();
    run.wait().unwrap();
    drop(release);
    let folder = instance.folder.path().join("challenges");
    for file in std::fs::read_dir(folder).unwrap() {
        std::fs::remove_file(file.unwrap().path()).unwrap();
    }
    instance.proxy.asked();
    instance.renewed(&[]);
    assert_eq!(instance.proxy.asked(), [""; 0]);
    let progress = instance.progress();
    assert_eq!(progress.last_error.unwrap(), "the last try was interrupted");
    assert!(progress.next_try.unwrap() > clock::now());
}

#[test]
fn a_broken_chain_is_refused_and_the_old_certificate_stays() {
    let instance = Instance::new();
    instance.renewed(&[]);
    let (old, chain) = (instance.file(), instance.certificate().chain);
    let foreign = flipless_certificates::certificate::to_pem(&chain[1..]);
    for (rest, reason) in [(String::new(), "incomplete"), (foreign.clone(), "broken")] {
        let rest = rest.clone();
        // The first chain lacks the intermediate certificate. The second chain repeats the certificate where its
        // issuer's certificate belongs.
        instance.proxy.script(move |asked, answer| {
            if !asked.path.starts_with("/certZ/") {
                return answer;
            }
            let text = String::from_utf8(answer.body().to_vec()).unwrap();
            let end = "-----END CERTIFICATE-----\n";
            let leaf = &text[..text.find(end).unwrap() + end.len()];
            let leaf = if rest.is_empty() {
                leaf.to_owned()
            } else {
                format!("{leaf}{leaf}{rest}")
            };
            answer.map(|_| leaf.into())
        });
        let said = instance.refused(&["--force"]);
        assert!(said.contains(reason), "{said}");
        assert_eq!(instance.file(), old);
        assert_eq!(instance.progress().kind, Some(Kind::Refused));
    }
    // The authority counts the refused certificates, too.
    let stored: Vec<bool> = instance
        .progress()
        .issued
        .iter()
        .map(|issue| issue.stored)
        .collect();
    assert_eq!(stored, [true, false, false]);
}

#[test]
fn a_forgotten_account_is_registered_again() {
    let mut instance = Instance::new();
    instance.renewed(&[]);
    let (account, first) = (instance.account(), instance.certificate());
    instance.replace_authority();
    let said = instance.renewed(&["--force"]);
    assert!(said.contains("refuses the account"), "{said}");
    assert_ne!(instance.account(), account);
    assert_ne!(instance.certificate().chain, first.chain);
}

#[test]
fn an_external_account_is_bound_with_its_key() {
    let key = BASE64_URL_SAFE_NO_PAD.encode([7; 48]);
    let key: &'static str = key.leak();
    let mut instance = Instance::with(Setup {
        external: vec![("kid-1", key)],
        ..Setup::default()
    });
    let said = instance.refused(&[]);
    assert!(said.contains("hint: set account-key-id"), "{said}");
    instance.settings.https.account_key_id = Some("kid-1".into());
    let said = instance.refused(&[]);
    assert!(said.contains("account-hmac"), "{said}");
    std::fs::write(instance.folder.path().join("account-hmac"), "AAAA").unwrap();
    let said = instance.refused(&["--force"]);
    assert!(
        said.contains("the authority says") && !said.contains("AAAA"),
        "{said}"
    );
    std::fs::write(
        instance.folder.path().join("account-hmac"),
        format!("{key}\n"),
    )
    .unwrap();
    instance.renewed(&["--force"]);
}

#[test]
fn a_refused_nonce_is_replaced() {
    let instance = Instance::new();
    let mut refused = 0;
    instance.proxy.script(move |asked, answer| {
        if asked.path == "/order-plz" && refused < 2 {
            refused += 1;
            return problem(400, "badNonce", "bad nonce");
        }
        answer
    });
    instance.renewed(&[]);
}

#[test]
fn broken_files_of_the_state_are_said_and_made_anew() {
    let instance = Instance::new();
    instance.renewed(&[]);
    for name in ["account.json", "certificate.pem", "progress.json"] {
        std::fs::write(instance.state(name), "{\"broken").unwrap();
    }
    let said = instance.renewed(&[]);
    for name in [
        "account.json is unreadable",
        "progress.json is unreadable",
        "certificate.pem",
    ] {
        assert!(said.contains(name), "{name}: {said}");
    }
    let (account, certificate) = (instance.account(), instance.certificate());
    instance.renewed(&[]);
    assert_eq!(instance.account(), account);
    assert_eq!(instance.certificate().chain, certificate.chain);
}

#[test]
fn an_installed_certificate_of_the_authority_needs_no_order() {
    let instance = Instance::new();
    instance.renewed(&[]);
    let installed = instance.folder.path().join("installed.pem");
    std::fs::rename(instance.state("certificate.pem"), &installed).unwrap();
    std::fs::remove_file(instance.state("progress.json")).unwrap();
    instance.proxy.asked();
    instance.renewed(&["--installed", installed.to_str().unwrap()]);
    assert_eq!(instance.proxy.asked(), [""; 0]);
    let progress = instance.progress();
    assert!(progress.renew_at.unwrap() > clock::now() + DAY);
}

#[test]
fn a_self_signed_certificate_is_inspected_and_does_not_count() {
    let instance = Instance::new();
    let program = env!("CARGO_BIN_EXE_flipless-certificates");
    let file = instance.folder.path().join("self-signed.pem");
    let mut make = std::process::Command::new(program);
    make.args([
        "self-signed",
        "--domain",
        "a.flipless.example",
        "--domain",
        "b.flipless.example",
        "--out",
    ]);
    assert_eq!(Run::of(make.arg(&file)).code, 0);
    let inspected = Run::of(
        std::process::Command::new(program)
            .arg("inspect")
            .arg(&file),
    );
    let facts: serde_json::Value = serde_json::from_str(&inspected.printed).unwrap();
    assert_eq!(
        facts["names"],
        serde_json::json!(["a.flipless.example", "b.flipless.example"])
    );
    assert_eq!(
        (&facts["self_signed"], &facts["key_matches"]),
        (&true.into(), &true.into())
    );
    let said = instance.renewed(&["--installed", file.to_str().unwrap()]);
    assert!(
        said.contains("no authority has issued a certificate yet"),
        "{said}"
    );
    std::fs::write(&file, "x").unwrap();
    let broken = Run::of(
        std::process::Command::new(program)
            .arg("inspect")
            .arg(&file),
    );
    assert!(
        broken.code == 1 && broken.said.contains("contains no certificate"),
        "{}",
        broken.said
    );
}
