//! Streams: every chunk goes out when it comes in.

use crate::harness::{Backend, Chunk, Setup, Stagegate, Wire, Workload, request};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::Semaphore;

/// Reads a stream in lockstep: the backend sends a chunk only after this side confirmed the one
/// before, so a proxy that holds a chunk back makes the test hang, however fast the machine is.
async fn lockstep(wire: &mut Wire, confirmed: &Semaphore, steps: usize) -> Vec<Instant> {
    let mut arrivals = Vec::new();
    for step in 0..steps {
        let Chunk::Data(data) = wire.chunk().await else { panic!("the stream ended early") };
        arrivals.push(Instant::now());
        assert_eq!(String::from_utf8_lossy(&data), format!("data: {step}\n\n"));
        confirmed.add_permits(1);
    }
    assert!(matches!(wire.chunk().await, Chunk::Last(_)), "and then its end");
    arrivals
}

#[tokio::test]
async fn chunks_pass_one_by_one() {
    const STEPS: usize = 200;
    let confirmed = Arc::new(Semaphore::new(0));
    let gate = Arc::clone(&confirmed);
    let backend = Backend::with("stable", async move |exchange| {
        exchange.body().await;
        exchange.begin_chunked("200 OK", &[("content-type", "text/event-stream")]).await;
        for step in 0..STEPS {
            exchange.chunk(format!("data: {step}\n\n").as_bytes()).await;
            gate.acquire().await.expect("open").forget();
        }
        exchange.end_chunked(&[]).await;
    });
    let stagegate = Stagegate::start(&Setup::of(Workload::new(&backend))).await;
    let mut wire = stagegate.connect().await;
    wire.send(request("GET /", &[])).await;
    assert_eq!(wire.head().await.status(), 200);
    let arrivals = lockstep(&mut wire, &confirmed, STEPS).await;
    let mut gaps: Vec<Duration> = arrivals.windows(2).map(|pair| pair[1] - pair[0]).collect();
    gaps.sort();
    println!(
        "{STEPS} chunks in lockstep: median round trip {:?}, worst {:?}",
        gaps[STEPS / 2],
        gaps[STEPS - 2]
    );
}

#[tokio::test]
async fn uploads_pass_chunk_by_chunk_too() {
    let backend = Backend::with("stable", async |exchange| {
        exchange.begin_chunked("200 OK", &[]).await;
        loop {
            match exchange.wire.chunk().await {
                // Each chunk of the request is answered before the client sends the next.
                Chunk::Data(data) => exchange.chunk(&data.to_ascii_uppercase()).await,
                Chunk::Last(_) => return exchange.end_chunked(&[]).await,
                Chunk::Cut(_) => return exchange.close(),
            }
        }
    });
    let stagegate = Stagegate::start(&Setup::of(Workload::new(&backend))).await;
    let mut wire = stagegate.connect().await;
    wire.send(request("POST /", &[("transfer-encoding", "chunked")])).await;
    assert_eq!(wire.head().await.status(), 200);
    for step in 0..50 {
        let piece = format!("piece {step:03}");
        wire.send(format!("{:x}\r\n{piece}\r\n", piece.len())).await;
        let Chunk::Data(data) = wire.chunk().await else { panic!("the stream ended early") };
        assert_eq!(String::from_utf8_lossy(&data), piece.to_uppercase());
    }
    wire.send("0\r\n\r\n").await;
    assert!(matches!(wire.chunk().await, Chunk::Last(_)));
}

#[tokio::test]
async fn three_hundred_streams_at_once_stay_apart() {
    const STREAMS: usize = 300;
    const STEPS: usize = 5;
    let rounds: Arc<Vec<tokio::sync::Barrier>> =
        Arc::new((0..STEPS).map(|_| tokio::sync::Barrier::new(STREAMS)).collect());
    let together = Arc::clone(&rounds);
    let backend = Backend::with("stable", async move |exchange| {
        exchange.body().await;
        let id = exchange.request.target().to_owned();
        exchange.begin_chunked("200 OK", &[]).await;
        for (step, barrier) in together.iter().enumerate() {
            // All streams are open at this moment, or none goes on.
            barrier.wait().await;
            exchange.chunk(format!("{id} {step}").as_bytes()).await;
        }
        exchange.end_chunked(&[]).await;
    });
    let stagegate = Stagegate::start(&Setup::of(Workload::new(&backend))).await;
    let proxy = stagegate.proxy;
    let streams: Vec<_> = (0..STREAMS)
        .map(|number| {
            tokio::spawn(async move {
                let text = request(&format!("GET /{number}"), &[]);
                let response = Wire::connect(proxy).await.ask(&text).await;
                let chunks: Vec<String> = response
                    .body
                    .chunks
                    .iter()
                    .map(|c| String::from_utf8_lossy(c).into())
                    .collect();
                assert_eq!(
                    chunks,
                    (0..STEPS).map(|step| format!("/{number} {step}")).collect::<Vec<_>>()
                );
            })
        })
        .collect();
    for stream in streams {
        stream.await.expect("a stream");
    }
    assert_eq!(backend.arrivals(), STREAMS);
}
