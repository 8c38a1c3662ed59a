//! Tests with an order that the authority has ended, or does not return any more.

use std::sync::atomic::Ordering;

use flipless_certificates::back_off::Kind;

use crate::proxy::{Answer, Asked, problem};
use crate::slow::{impatient, is_order, let_sign, orders, wait_for_next_try, with};

/// Changes an answer of the authority.
type Change = fn(&Answer) -> Answer;

#[test]
fn an_order_that_the_authority_ends_or_forgets_is_not_continued() {
    let mut instance = impatient();
    let_sign(&instance, "86400");
    instance.refused(&[]);
    instance.proxy.script(|asked, answer| {
        let error = serde_json::json!({"type": "urn:ietf:params:acme:error:caa", "detail": "CAA forbids it"});
        match is_order(asked) {
            true => with(answer, &[("status", "invalid".into()), ("error", error)], "1"),
            false => answer,
        }
    });
    let said = instance.refused(&["--force"]);
    assert!(said.contains("CAA forbids it"), "{said}");
    let progress = instance.progress();
    assert_eq!((progress.kind, progress.order), (Some(Kind::Refused), None));
    // The authority has issued nothing for this order.
    assert_eq!(progress.issued, []);
    assert_eq!(orders(&instance), 1);
    let slow_again = let_sign(&instance, "86400");
    instance.refused(&["--force"]);
    assert_eq!(orders(&instance), 1);
    slow_again.store(false, Ordering::Relaxed);
    instance.replace_authority();
    let said = instance.renewed(&["--force"]);
    assert!(said.contains("opening another order"), "{said}");
}

/// An order that has ended can't be continued, whatever the reason is (RFC 8555, section 7.1.6).
#[test]
fn an_order_that_the_authority_ends_for_a_trouble_of_its_own_is_not_continued() {
    for (name, status, kind) in [
        ("serverInternal", 500, Kind::Busy),
        ("rateLimited", 429, Kind::Limited),
    ] {
        let end = move |asked: &Asked, answer| {
            let name = format!("urn:ietf:params:acme:error:{name}");
            let error = serde_json::json!({"type": name, "detail": "sorry", "status": status});
            match asked.path.starts_with("/my-order/") {
                true => with(
                    answer,
                    &[("status", "invalid".into()), ("error", error)],
                    "1",
                ),
                false => answer,
            }
        };
        let instance = impatient();
        // In the first round the order ends before it is confirmed. In the second round it ends between two calls of
        // `renew`.
        for by_then in [false, true] {
            if by_then {
                let_sign(&instance, "86400");
                instance.refused(&["--force"]);
                assert!(instance.progress().order.is_some());
            }
            instance.proxy.script(end);
            let said = instance.refused(&["--force"]);
            assert!(said.contains("sorry"), "{said}");
            let progress = instance.progress();
            assert_eq!(
                (progress.kind, progress.order),
                (Some(kind), None),
                "{said}"
            );
            assert_eq!(progress.issued, []);
        }
        orders(&instance);
        instance.proxy.script(|_, answer| answer);
        instance.renewed(&["--force"]);
        assert_eq!(orders(&instance), 1);
    }
}

/// An order counts only if the authority has issued its certificate. It has done so if the order was valid, whatever
/// the authority answers later.
#[test]
fn an_order_counts_if_the_authority_has_issued_its_certificate() {
    let refuse = |_: &Answer| problem(403, "unauthorized", "no");
    let end = |answer: &Answer| {
        let error = serde_json::json!({"type": "urn:ietf:params:acme:error:serverInternal"});
        let members = [("status", "invalid".into()), ("error", error)];
        with(answer.clone(), &members, "1")
    };
    let ends: [(&str, Change, usize); 3] = [
        ("/certZ/", refuse, 1),
        ("/finalize-order/", refuse, 0),
        ("/my-order/", end, 0),
    ];
    for (at, change, count) in ends {
        let instance = impatient();
        let mut is_finalized = false;
        instance.proxy.script(move |asked, answer| {
            is_finalized |= asked.path.starts_with("/finalize-order/");
            match is_finalized && asked.path.starts_with(at) {
                true => change(&answer),
                false => answer,
            }
        });
        let said = instance.refused(&[]);
        let progress = instance.progress();
        assert_eq!(
            (progress.issued.len(), progress.order),
            (count, None),
            "{said}"
        );
    }
}

/// The order's URL answers with a page that is not ACME. The program opens another order if the page says that the
/// order is gone, or if a person forces another order.
#[test]
fn an_order_whose_address_is_gone_or_is_forced_is_replaced() {
    for (status, force, keeps) in [
        (404, false, false),
        (410, false, false),
        (429, false, true),
        (503, false, true),
        (503, true, false),
    ] {
        let instance = impatient();
        let slow = let_sign(&instance, "86400");
        instance.refused(&[]);
        slow.store(false, Ordering::Relaxed);
        let open = instance.progress().order.unwrap().url;
        instance.proxy.script(move |asked, answer| {
            if !open.ends_with(&asked.path) {
                return answer;
            }
            let page = http::Response::builder().status(status);
            let page = page.header("content-type", "text/html");
            page.body("<p>no order</p>".into()).unwrap()
        });
        orders(&instance);
        wait_for_next_try(&instance);
        let run = instance.renew(if force { &["--force"] } else { &[] });
        let said = run.said;
        assert!(said.contains("<p>no order</p>"), "{status}: {said}");
        assert_eq!(
            (run.code, orders(&instance)),
            if keeps { (1, 0) } else { (0, 1) },
            "{said}"
        );
        assert_eq!(instance.progress().order.is_some(), keeps, "{said}");
    }
}
