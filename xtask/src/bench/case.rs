//! The kinds of request that are measured.

/// One kind of request.
#[derive(Clone, Copy)]
pub(super) struct Case {
    /// Its name in the report.
    pub(super) name: &'static str,
    pub(super) method: &'static str,
    pub(super) path: &'static str,
    /// Bytes of the request body.
    pub(super) body: u32,
}

const CASES: &[Case] = &[
    Case { name: "get-300b", method: "GET", path: "/small", body: 0 },
    Case { name: "post-2k", method: "POST", path: "/small", body: 2048 },
    Case { name: "get-4k", method: "GET", path: "/4k", body: 0 },
];

impl Case {
    /// All of them.
    pub(super) fn all() -> &'static [Self] {
        CASES
    }
}
