// Reads the label of a machine with the camera, in browsers that can. Typing the code always works.

interface DetectedCode {
  rawValue: string;
}

interface Detector {
  detect(source: HTMLVideoElement): Promise<DetectedCode[]>;
}

declare global {
  interface Window {
    BarcodeDetector?: new (options: { formats: string[] }) => Detector;
  }
}

const LOOK_EVERY = 200; // milliseconds

function open(code: string): void {
  const form = document.querySelector<HTMLFormElement>("form[action]:has(#code)");
  const field = document.querySelector<HTMLInputElement>("#code");
  if (!form || !field) return;
  field.value = code;
  form.requestSubmit();
}

async function scan(scanner: HTMLElement, detector: Detector): Promise<void> {
  const frame = scanner.querySelector<HTMLElement>(".scan-frame");
  const video = scanner.querySelector("video");
  const button = scanner.querySelector("button");
  const problem = scanner.querySelector<HTMLElement>("[role=alert]");
  if (!frame || !video || !button || !problem) return;
  try {
    video.srcObject = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "environment" } });
  } catch {
    problem.textContent = "The camera cannot be used. Allow it in the browser's settings, or type the code.";
    problem.hidden = false;
    return;
  }
  problem.hidden = button.hidden = true;
  frame.hidden = false;
  await video.play();
  const timer = setInterval(async () => {
    const found = (await detector.detect(video).catch(() => []))[0];
    if (!found) return;
    clearInterval(timer);
    for (const track of (video.srcObject as MediaStream).getTracks()) track.stop();
    open(found.rawValue);
  }, LOOK_EVERY);
}

const scanner = document.querySelector<HTMLElement>("[data-scanner]");
if (scanner && window.BarcodeDetector && "mediaDevices" in navigator) {
  const detector = new window.BarcodeDetector({ formats: ["qr_code"] });
  scanner.hidden = false;
  scanner.querySelector("button")?.addEventListener("click", () => void scan(scanner, detector));
}

export {};
