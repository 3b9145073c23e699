//! The names in a certificate (RFC 5280 4.2.1.6, subjectAltName).

use rustls::pki_types::CertificateDer;
use stagegate_settings::CertificateName;
use x509_parser::extensions::GeneralName;
use x509_parser::parse_x509_certificate;

/// The names of a certificate, in its order.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Names {
    uri: Vec<String>,
    dns: Vec<String>,
    email: Vec<String>,
}

impl Names {
    /// The names of `certificate`; none when it cannot be read.
    pub(crate) fn of(certificate: &CertificateDer<'_>) -> Self {
        let mut names = Self::default();
        let Ok((_, parsed)) = parse_x509_certificate(certificate) else { return names };
        let Ok(Some(extension)) = parsed.subject_alternative_name() else { return names };
        for name in &extension.value.general_names {
            match name {
                GeneralName::URI(text) => names.uri.push((*text).to_owned()),
                GeneralName::DNSName(text) => names.dns.push((*text).to_owned()),
                GeneralName::RFC822Name(text) => names.email.push((*text).to_owned()),
                _ => {}
            }
        }
        names
    }

    /// Every DNS name; `*.example.com` stands for itself.
    pub(crate) fn dns(&self) -> &[String] {
        &self.dns
    }

    /// The first name of this kind.
    pub(crate) fn first(&self, name: CertificateName) -> Option<&str> {
        match name {
            CertificateName::Uri => self.uri.first(),
            CertificateName::Dns => self.dns.first(),
            CertificateName::Email => self.email.first(),
            CertificateName::San => self.uri.first().or(self.dns.first()).or(self.email.first()),
        }
        .map(String::as_str)
    }
}

#[cfg(test)]
mod tests {
    use super::{CertificateName, Names};
    use rcgen::{CertificateParams, KeyPair, SanType};

    fn names(sans: Vec<SanType>) -> Names {
        let mut params = CertificateParams::default();
        params.subject_alt_names = sans;
        let key = KeyPair::generate().expect("a key");
        Names::of(params.self_signed(&key).expect("a certificate").der())
    }

    #[test]
    fn a_certificate_is_known_by_its_most_telling_name() {
        let uri = SanType::URI("spiffe://example/agent".try_into().expect("ascii"));
        let dns = SanType::DnsName("agent.example".try_into().expect("ascii"));
        let email = SanType::Rfc822Name("agent@example.com".try_into().expect("ascii"));
        let all = names(vec![email.clone(), dns.clone(), uri]);
        assert_eq!(all.first(CertificateName::San), Some("spiffe://example/agent"));
        assert_eq!(all.first(CertificateName::Dns), Some("agent.example"));
        assert_eq!(names(vec![email, dns]).first(CertificateName::San), Some("agent.example"));
        assert_eq!(names(Vec::new()).first(CertificateName::San), None);
    }

    #[test]
    fn garbage_has_no_names() {
        assert_eq!(Names::of(&b"no certificate"[..].into()), Names::default());
    }
}
