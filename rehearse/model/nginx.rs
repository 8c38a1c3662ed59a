//! EB's own proxy files, by their path below nginx's folder: `rehearse` stages them, `xtask` checks with them.

pub const OWN: &[(&str, &str)] = &[
    ("nginx.conf", include_str!("nginx/nginx.conf")),
    (
        "conf.d/healthd_logformat.conf",
        include_str!("nginx/healthd_logformat.conf"),
    ),
    (
        "conf.d/elasticbeanstalk/00_application.conf",
        include_str!("nginx/00_application.conf"),
    ),
    (
        "conf.d/elasticbeanstalk/healthd.conf",
        include_str!("nginx/healthd.conf"),
    ),
];
