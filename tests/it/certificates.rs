//! Certificates, keys and lists as files, good and bad, for both sides of TLS.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use parotidd::dicom::tls::{ClientAuthentication, TlsSettings};
use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, DnType, IsCa, Issuer,
    KeyIdMethod, KeyPair, KeyUsagePurpose, RevocationReason, RevokedCertParams, SerialNumber,
    date_time_ymd,
};
use tempfile::TempDir;

/// The serial number of the certificate that is revoked.
const REVOKED: u64 = 666;

/// Two hospitals' authorities in a folder, and what they signed.
pub(crate) struct Certificates {
    folder: TempDir,
}

impl Certificates {
    /// `ours` and `theirs` are authorities. Of ours: `server` (for 127.0.0.1 and localhost), `other-host`,
    /// `client`, `expired`, `future`, `revoked`. Of theirs: `stranger`. `device` signed itself, names no host and
    /// says that it is an authority, as `openssl req -x509` does; `signed-by-leaf` is of the end entity `leaf`,
    /// which signed itself.
    pub(crate) fn make() -> Self {
        let made = Self { folder: tempfile::tempdir().unwrap() };
        let ours = made.authority("ours");
        let theirs = made.authority("theirs");
        made.signed(&ours, "server", params("server", &["127.0.0.1", "localhost"]));
        made.signed(&ours, "other-host", params("other-host", &["pacs.example"]));
        made.signed(&ours, "client", params("client", &[]));
        let mut expired = params("expired", &["127.0.0.1"]);
        (expired.not_before, expired.not_after) =
            (date_time_ymd(2001, 1, 1), date_time_ymd(2002, 1, 1));
        made.signed(&ours, "expired", expired);
        let mut future = params("future", &["127.0.0.1"]);
        future.not_before = date_time_ymd(3001, 1, 1);
        made.signed(&ours, "future", future);
        let mut revoked = params("revoked", &[]);
        revoked.serial_number = Some(REVOKED.into());
        made.signed(&ours, "revoked", revoked);
        made.signed(&theirs, "stranger", params("stranger", &["127.0.0.1"]));

        let mut device = params("device", &[]);
        device.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        made.self_signed("device", device);
        let leaf = made.self_signed("leaf", params("leaf", &[]));
        made.signed(&leaf, "signed-by-leaf", params("signed-by-leaf", &[]));
        made.revocation_list(&ours);
        made
    }

    /// A PEM file: certificates `<name>.pem`, keys `<name>.key`, the list `revoked-list.pem`.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Several certificates in one file.
    pub(crate) fn joined(&self, names: &[&str]) -> PathBuf {
        let texts =
            names.iter().map(|it| fs::read_to_string(self.path(&format!("{it}.pem"))).unwrap());
        let path = self.path(&format!("joined-{}.pem", names.join("-")));
        fs::write(&path, texts.collect::<String>()).unwrap();
        path
    }

    /// Settings of a side that has this certificate and trusts these.
    pub(crate) fn settings(&self, certificate: &str, peers: &[&str]) -> TlsSettings {
        TlsSettings {
            listen: vec!["127.0.0.1:0".parse().unwrap()],
            certificate: self.path(&format!("{certificate}.pem")),
            key: self.path(&format!("{certificate}.key")),
            peers: Some(self.joined(peers)),
            revoked: None,
            client_authentication: ClientAuthentication::Required,
        }
    }

    fn authority(&self, name: &str) -> Issuer<'static, KeyPair> {
        let mut params = params(name, &[]);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        self.self_signed(name, params)
    }

    fn self_signed(&self, name: &str, params: CertificateParams) -> Issuer<'static, KeyPair> {
        let key = KeyPair::generate().unwrap();
        let certificate = params.self_signed(&key).unwrap();
        self.write(name, &certificate.pem(), &key);
        Issuer::new(params, key)
    }

    fn signed(&self, by: &Issuer<'static, KeyPair>, name: &str, params: CertificateParams) {
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, by).unwrap();
        self.write(name, &certificate.pem(), &key);
    }

    fn write(&self, name: &str, certificate: &str, key: &KeyPair) {
        fs::write(self.path(&format!("{name}.pem")), certificate).unwrap();
        let path = self.path(&format!("{name}.key"));
        fs::write(&path, key.serialize_pem()).unwrap();
        set_mode(&path, 0o600);
    }

    fn revocation_list(&self, by: &Issuer<'static, KeyPair>) {
        let list = CertificateRevocationListParams {
            this_update: date_time_ymd(2020, 1, 1),
            // Long ago: a box without a network has no newer list, and a revoked device stays revoked.
            next_update: date_time_ymd(2020, 2, 1),
            crl_number: SerialNumber::from(1_u64),
            issuing_distribution_point: None,
            revoked_certs: vec![RevokedCertParams {
                serial_number: REVOKED.into(),
                revocation_time: date_time_ymd(2020, 1, 1),
                reason_code: Some(RevocationReason::KeyCompromise),
                invalidity_date: None,
            }],
            key_identifier_method: KeyIdMethod::Sha256,
        };
        let list = list.signed_by(by).unwrap().pem().unwrap();
        fs::write(self.path("revoked-list.pem"), list).unwrap();
    }
}

pub(crate) fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

/// An end entity's.
fn params(name: &str, hosts: &[&str]) -> CertificateParams {
    let hosts: Vec<_> = hosts.iter().map(|host| (*host).to_owned()).collect();
    let mut params = CertificateParams::new(hosts).unwrap();
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::ExplicitNoCa;
    params
}
