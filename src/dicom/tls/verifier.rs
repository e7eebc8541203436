//! Whether a peer's certificate is one that we trust: itself in `peers`, or signed by an authority there.

use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{
    CryptoProvider, WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature,
};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::server::{VerifierBuilderError, WebPkiClientVerifier};
use rustls::{CertificateError, DigitallySignedStruct, DistinguishedName, Error, SignatureScheme};
use tokio_rustls::rustls;
use x509_cert::certificate::{CertificateInner, Raw};
use x509_cert::der::{self, Decode};
use x509_cert::ext::pkix::BasicConstraints;

use super::files::Peers;

/// What a certificate says of itself, and rustls does not tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Facts {
    /// Seconds since 1970 UTC.
    pub(super) not_before_s: i64,
    /// Seconds since 1970 UTC.
    pub(super) not_after_s: i64,
    /// It may sign other certificates.
    pub(super) is_authority: bool,
}

impl Facts {
    /// Devices' certificates are read leniently: a serial number that is too long harms nobody.
    pub(super) fn of(der: &CertificateDer<'_>) -> Result<Self, der::Error> {
        let certificate = CertificateInner::<Raw>::from_der(der)?;
        let body = certificate.tbs_certificate();
        let seconds = |time: x509_cert::time::Time| {
            i64::try_from(time.to_unix_duration().as_secs()).unwrap_or(i64::MAX)
        };
        let constraints = body.get_extension::<BasicConstraints>()?;
        Ok(Self {
            not_before_s: seconds(body.validity().not_before),
            not_after_s: seconds(body.validity().not_after),
            is_authority: constraints.is_some_and(|(_, constraints)| constraints.ca),
        })
    }
}

/// Judges the other side's certificate; `V` judges those that an authority signed.
#[derive(Debug)]
pub(super) struct PeerVerifier<V: ?Sized> {
    pinned: Vec<CertificateDer<'static>>,
    /// None where no authority is trusted.
    signed: Option<Arc<V>>,
    algorithms: WebPkiSupportedAlgorithms,
}

impl PeerVerifier<dyn ClientCertVerifier> {
    /// Of clients.
    pub(super) fn new(
        peers: &Peers,
        provider: &Arc<CryptoProvider>,
    ) -> Result<Self, VerifierBuilderError> {
        let signed = if peers.authorities.is_empty() {
            None
        } else {
            let roots = Arc::new(peers.authorities.clone());
            let builder = WebPkiClientVerifier::builder_with_provider(roots, Arc::clone(provider));
            let builder = builder.with_crls(peers.revoked.iter().cloned());
            Some(builder.allow_unknown_revocation_status().build()?)
        };
        let algorithms = provider.signature_verification_algorithms;
        Ok(Self { pinned: peers.pinned.clone(), signed, algorithms })
    }
}

impl PeerVerifier<dyn ServerCertVerifier> {
    /// Of servers.
    pub(super) fn new(
        peers: &Peers,
        provider: &Arc<CryptoProvider>,
    ) -> Result<Self, VerifierBuilderError> {
        let signed: Option<Arc<dyn ServerCertVerifier>> = if peers.authorities.is_empty() {
            None
        } else {
            let roots = Arc::new(peers.authorities.clone());
            let builder = WebPkiServerVerifier::builder_with_provider(roots, Arc::clone(provider));
            let builder = builder.with_crls(peers.revoked.iter().cloned());
            Some(builder.allow_unknown_revocation_status().build()?)
        };
        let algorithms = provider.signature_verification_algorithms;
        Ok(Self { pinned: peers.pinned.clone(), signed, algorithms })
    }
}

impl<V: ?Sized> PeerVerifier<V> {
    /// Whether this very certificate is trusted, now. Who shows it proves in the handshake to have its key.
    fn is_pinned(&self, shown: &CertificateDer<'_>, now: UnixTime) -> Result<bool, Error> {
        if !self.pinned.iter().any(|pinned| pinned == shown) {
            return Ok(false);
        }
        let facts = Facts::of(shown).map_err(|_| CertificateError::BadEncoding)?;
        let time = i64::try_from(now.as_secs()).unwrap_or(i64::MAX);
        if time < facts.not_before_s {
            return Err(CertificateError::NotValidYet.into());
        }
        if time > facts.not_after_s {
            return Err(CertificateError::Expired.into());
        }
        Ok(true)
    }

    fn signed(&self) -> Result<&V, Error> {
        self.signed.as_deref().ok_or(CertificateError::UnknownIssuer.into())
    }
}

impl ClientCertVerifier for PeerVerifier<dyn ClientCertVerifier> {
    /// No hints: a device whose own certificate is trusted would find its issuer missing and show none.
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        shown: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        if self.is_pinned(shown, now)? {
            return Ok(ClientCertVerified::assertion());
        }
        self.signed()?.verify_client_cert(shown, intermediates, now)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, cert, dss, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, cert, dss, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

impl ServerCertVerifier for PeerVerifier<dyn ServerCertVerifier> {
    fn verify_server_cert(
        &self,
        shown: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        if self.is_pinned(shown, now)? {
            return Ok(ServerCertVerified::assertion());
        }
        self.signed()?.verify_server_cert(shown, intermediates, server_name, ocsp_response, now)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, cert, dss, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, cert, dss, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}
