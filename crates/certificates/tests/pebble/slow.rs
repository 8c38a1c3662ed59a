//! Tests with a slow authority, and with a call of `renew` that ends in the middle of an order. The next call continues
//! the order.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use flipless_certificates::back_off::Kind;
use flipless_certificates::clock::{HOUR, MINUTE};

use crate::instance::{Instance, Run};
use crate::proxy::{Answer, Asked, problem};

/// Returns an instance on which the program waits one second for the validation, and one second for the certificate.
pub fn impatient() -> Instance {
    let mut instance = Instance::new();
    instance.order_seconds = Some(1);
    instance
}

/// Makes the next try due at once.
pub fn wait_for_next_try(instance: &Instance) {
    let mut progress = instance.progress();
    progress.last_try = Some(0);
    progress.next_try = Some(0);
    progress
        .save(&instance.folder.path().join("state"))
        .unwrap();
}

/// Returns whether the answer to this request is an order.
pub fn is_order(asked: &Asked) -> bool {
    asked.path.starts_with("/my-order/") || asked.path.starts_with("/finalize-order/")
}

/// Returns the answer with these members of the order, and with this `Retry-After`.
pub fn with(answer: Answer, members: &[(&str, serde_json::Value)], retry_after: &str) -> Answer {
    let mut order: serde_json::Value = serde_json::from_slice(answer.body()).unwrap();
    for (name, value) in members {
        order[name] = value.clone();
    }
    let mut answer = answer.map(|_| order.to_string().into());
    let wait = retry_after.parse().unwrap();
    answer.headers_mut().insert("retry-after", wait);
    answer
}

/// While the returned flag is set, the authority answers that it is still signing the certificate.
pub fn let_sign(instance: &Instance, retry_after: &'static str) -> Arc<AtomicBool> {
    let slow = Arc::new(AtomicBool::new(true));
    let is_slow = Arc::clone(&slow);
    instance.proxy.script(move |asked, answer| {
        let is_signed = answer.body().windows(8).any(|text| text == b"\"valid\",");
        let is_signed = is_signed || asked.path.starts_with("/finalize-order/");
        if is_slow.load(Ordering::Relaxed) && is_order(asked) && is_signed {
            let members = [
                ("status", "processing".into()),
                ("certificate", serde_json::Value::Null),
            ];
            return with(answer, &members, retry_after);
        }
        answer
    });
    slow
}

pub fn orders(instance: &Instance) -> usize {
    let asked = instance.proxy.asked();
    asked.iter().filter(|path| *path == "/order-plz").count()
}

#[test]
fn an_order_that_stays_in_processing_is_continued_until_it_is_complete() {
    // ZeroSSL asks for a day. The other values are absurdly large.
    for retry_after in [
        "86400",
        "18446744073709551615",
        "Fri, 31 Dec 9999 23:59:59 GMT",
    ] {
        let instance = impatient();
        let slow = let_sign(&instance, retry_after);
        let said = instance.refused(&[]);
        assert!(said.contains("has not completed the order yet"), "{said}");
        let progress = instance.progress();
        assert_eq!(progress.kind, Some(Kind::Pending), "{said}");
        let wait = progress.next_try.unwrap() - progress.last_try.unwrap();
        assert!((10 * MINUTE..=HOUR).contains(&wait), "{wait}");
        assert_eq!(orders(&instance), 1);
        instance.refused(&["--force"]);
        slow.store(false, Ordering::Relaxed);
        let said = instance.renewed(&["--force"]);
        assert!(said.contains("continuing the order of"), "{said}");
        assert_eq!(orders(&instance), 0);
        assert!(instance.certificate().facts.key_matches);
        let progress = instance.progress();
        assert_eq!((progress.issued.len(), progress.order), (1, None));
        assert!(!instance.state("order-key.pem").exists());
    }
}

/// ZeroSSL answers like this while it validates a domain.
#[test]
fn a_challenge_that_the_authority_still_looks_at_is_not_answered_again() {
    let instance = impatient();
    instance.proxy.script(|asked, answer| {
        let is_ready = answer.body().windows(7).any(|text| text == b"\"ready\"");
        match asked.path.starts_with("/my-order/") && is_ready {
            true => with(answer, &[("status", "pending".into())], "86400"),
            false => answer,
        }
    });
    let said = instance.refused(&[]);
    assert!(said.contains("has not completed the order yet"), "{said}");
    assert_eq!(instance.progress().issued, []);
    instance.proxy.asked();
    instance.proxy.script(|asked, answer| {
        if !asked.path.starts_with("/authZ/") {
            return answer;
        }
        let mut authorization: serde_json::Value = serde_json::from_slice(answer.body()).unwrap();
        authorization["status"] = "pending".into();
        authorization["challenges"][0]["status"] = "processing".into();
        answer.map(|_| authorization.to_string().into())
    });
    instance.renewed(&["--force"]);
    let asked = instance.proxy.asked();
    for path in ["/order-plz", "/chalZ/"] {
        assert!(
            !asked.iter().any(|asked| asked.starts_with(path)),
            "{asked:?}"
        );
    }
    assert_eq!(instance.progress().issued.len(), 1);
}

#[test]
fn an_order_outlives_an_authority_that_is_down_or_overloaded() {
    let instance = impatient();
    let slow = let_sign(&instance, "86400");
    instance.refused(&[]);
    slow.store(false, Ordering::Relaxed);
    instance
        .proxy
        .script(|asked, answer| match is_order(asked) {
            true => problem(503, "rateLimited", "busy"),
            false => answer,
        });
    wait_for_next_try(&instance);
    let said = instance.refused(&[]);
    assert!(said.contains("busy (rateLimited)"), "{said}");
    assert!(instance.progress().order.is_some());
    orders(&instance);
    instance.proxy.script(|_, answer| answer);
    instance.renewed(&["--force"]);
    assert_eq!(
        (orders(&instance), instance.progress().issued.len()),
        (0, 1)
    );
}

/// The program crashes after it has written the certificate's file, and before the next save. The next call still finds
/// the certificate's origin.
#[test]
fn a_certificate_of_another_authority_is_replaced_even_if_the_last_save_was_lost() {
    let mut instance = Instance::new();
    let chain = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&chain);
    instance.proxy.script(move |asked, answer| {
        if asked.path.starts_with("/certZ/") {
            *seen.lock().unwrap() = answer.body().to_vec();
        }
        answer
    });
    // A file can't be renamed over a folder. So the program fails after it has saved the progress, and before it has
    // stored the certificate.
    std::fs::create_dir(instance.state("certificate.pem")).unwrap();
    let run = Run::of(&mut instance.command());
    assert!(run.said.contains("certificate.pem"), "{}", run.said);
    std::fs::remove_dir(instance.state("certificate.pem")).unwrap();
    let mut file = std::fs::read(instance.state("order-key.pem")).unwrap();
    file.extend(chain.lock().unwrap().iter());
    let staging = instance.state("certificate.pem");
    flipless_certificates::files::write(&staging, &file, 0o600).unwrap();
    let staging = instance.certificate().chain;
    instance.settings.https.directory.push_str("?production");
    let said = instance.renewed(&[]);
    assert!(
        said.contains("the authority or the profile have changed"),
        "{said}"
    );
    assert_ne!(instance.certificate().chain, staging);
}

/// The program fails before it has stored the certificate, and the certificate is lost. The authority sends it again.
#[test]
fn a_certificate_that_could_not_be_stored_is_fetched_again() {
    let instance = Instance::new();
    std::fs::create_dir(instance.state("certificate.pem")).unwrap();
    Run::of(&mut instance.command());
    std::fs::remove_dir(instance.state("certificate.pem")).unwrap();
    orders(&instance);
    instance.renewed(&["--force"]);
    assert_eq!(
        (orders(&instance), instance.progress().issued.len()),
        (0, 1)
    );
    assert!(instance.certificate().facts.key_matches);
}
