#![allow(clippy::unwrap_used)]

use super::*;
use crate::scenario::soak::fault::Victim;
use crate::scenario::soak::wanted::Wanted;

const WANTED: Wanted = Wanted {
    deployments: 400,
    faults: Some(7),
    variants: None,
    has_front: true,
    has_authority: false,
};

fn faults(plan: &Plan) -> impl Iterator<Item = Fault> {
    plan.steps.iter().filter_map(|step| step.fault)
}

fn victim(fault: Fault) -> Option<Victim> {
    match fault {
        Fault::Kill(kill) => Some(kill.victim),
        Fault::EngineDies(_) => None,
    }
}

#[test]
fn a_seed_gives_the_same_plan_and_another_seed_another() {
    let other = Wanted {
        faults: Some(8),
        ..WANTED
    };
    assert_eq!(Plan::of(&WANTED), Plan::of(&WANTED));
    assert_ne!(Plan::of(&WANTED).steps, Plan::of(&other).steps);
}

#[test]
fn a_long_plan_has_every_act_and_every_fault() {
    let plan = Plan::of(&WANTED);
    for (act, _) in act::ALL {
        let has = |faulty| {
            let mut steps = plan.steps.iter();
            steps.any(|step| step.act == *act && step.fault.is_some() == faulty)
        };
        assert!(has(true) && has(false), "{act}");
    }
    let drawn = |wanted| faults(&plan).any(|fault| victim(fault) == wanted);
    for wanted in [
        Some(Victim::Agent),
        Some(Victim::Server),
        Some(Victim::Staged),
        Some(Victim::Nginx),
        None,
    ] {
        assert!(drawn(wanted), "{wanted:?}");
    }
    assert!((150..250).contains(&faults(&plan).count()), "about half");
}

#[test]
fn with_an_authority_half_of_the_deployments_renew_and_nginx_dies_more_often() {
    let with = Wanted {
        has_authority: true,
        ..WANTED
    };
    let (plain, with) = (Plan::of(&WANTED), Plan::of(&with));
    let renewals = |plan: &Plan| {
        plan.steps
            .iter()
            .filter(|step| step.renewal.is_some())
            .count()
    };
    assert_eq!(renewals(&plain), 0);
    assert!((150..250).contains(&renewals(&with)));
    assert!(with.steps.last().unwrap().renewal.is_some());
    let kills = |plan| {
        faults(plan)
            .filter(|fault| fault.kills(Victim::Nginx))
            .count()
    };
    assert!(kills(&with) > 2 * kills(&plain));
    assert!(with.to_string().contains(" renewals; 13 variants, from "));
}

#[test]
fn the_last_deployment_is_a_plain_one() {
    for seed in 0..20 {
        let wanted = Wanted {
            faults: Some(seed),
            deployments: 10,
            ..WANTED
        };
        let last = Plan::of(&wanted).steps.pop();
        let plain = Step {
            act: Act::Version,
            fault: None,
            renewal: None,
            variants: last.unwrap().variants,
        };
        assert_eq!(last, Some(plain));
    }
}

#[test]
fn a_long_soak_with_faults_has_every_variant() {
    let plan = Plan::of(&WANTED);
    assert_eq!(plan.steps[0].variants, plan.variants);
    for variants in variants::ALL {
        let steps = plan.steps.iter().filter(|step| step.variants == *variants);
        assert!(steps.count() >= SAME_VARIANT, "{}", variants.name);
    }
    let named = Plan::of(&Wanted {
        variants: Some(variants::STANDARD),
        ..WANTED
    });
    assert_eq!(named.variants(), "standard");
    let standard = |step: &Step| step.variants == variants::STANDARD;
    assert!(named.steps.iter().all(standard));
}

#[test]
fn no_run_meets_a_second_kill_of_its_server() {
    let plan = Plan::of(&WANTED);
    let mut spared = true;
    for step in &plan.steps {
        if step.fault.is_some_and(Fault::is_of_a_server) {
            assert!(spared, "{step}");
            spared = false;
        } else if step.fault.is_none() && step.act.replaces_the_run() {
            spared = true;
        }
    }
}

#[test]
fn without_a_seed_nothing_goes_wrong() {
    let wanted = Wanted {
        faults: None,
        ..WANTED
    };
    let plan = Plan::of(&wanted);
    assert_eq!(faults(&plan).count(), 0);
    assert_eq!(plan.variants, variants::STANDARD);
    assert!(plan.to_string().ends_with("; no faults; variant standard"));
}

#[test]
fn without_a_front_no_nginx_is_killed_or_changed() {
    let wanted = Wanted {
        has_front: false,
        ..WANTED
    };
    let plan = Plan::of(&wanted);
    assert!(faults(&plan).all(|fault| victim(fault) != Some(Victim::Nginx)));
    assert!(plan.steps.iter().all(|step| step.act != Act::Proxy));
}

#[test]
fn a_step_says_what_it_does() {
    let kill = fault::Kill {
        victim: Victim::Agent,
        nth: 2,
        after: std::time::Duration::from_millis(70),
    };
    let step = Step {
        act: Act::Version,
        fault: Some(Fault::Kill(kill)),
        renewal: Some(std::time::Duration::from_millis(300)),
        variants: variants::STANDARD,
    };
    let told = "version; kill -9 of agent 2 after 70 ms; a renewal at 300 ms";
    assert_eq!(step.to_string(), told);
}
