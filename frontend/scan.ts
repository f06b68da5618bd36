// Reads labels with the camera or from a photo. Typing the code always works, also without this script.

interface FoundCode {
  rawValue: string;
}

interface Detector {
  detect(source: ImageBitmapSource): Promise<FoundCode[]>;
}

declare global {
  interface Window {
    BarcodeDetector?: {
      new (options: { formats: string[] }): Detector;
      getSupportedFormats?: () => Promise<string[]>;
    };
  }
}

type Reader = (source: HTMLVideoElement | ImageBitmap) => Promise<string>;

const LOOK_EVERY = 150; // milliseconds
const SIDES = [1280, 720, 1920]; // pixels of the longer side in which a photo is looked at, one after the other
const CAMERA = "millwright-camera"; // the chosen one, remembered by this browser

/** The browser's own reader, or ours, which is fetched only by browsers that have none. */
async function makeReader(): Promise<Reader> {
  const Native = window.BarcodeDetector;
  const formats: string[] = (await Native?.getSupportedFormats?.().catch(() => undefined)) ?? [];
  if (Native && formats.includes("qr_code")) {
    const detector = new Native({ formats: ["qr_code"] });
    return async (source) => (await detector.detect(source))[0]?.rawValue ?? "";
  }
  const { decodeQR } = await import("qr/decode.js");
  const canvas = document.createElement("canvas");
  const paint = canvas.getContext("2d", { willReadFrequently: true });
  const read = (source: HTMLVideoElement | ImageBitmap, side: number): string => {
    const isVideo = source instanceof HTMLVideoElement;
    const width = isVideo ? source.videoWidth : source.width;
    const height = isVideo ? source.videoHeight : source.height;
    if (!paint || !width || !height) return "";
    const scale = Math.min(1, side / Math.max(width, height));
    canvas.width = Math.round(width * scale);
    canvas.height = Math.round(height * scale);
    paint.drawImage(source, 0, 0, canvas.width, canvas.height);
    try {
      return decodeQR(paint.getImageData(0, 0, canvas.width, canvas.height), { timeLimit: isVideo ? 60 : 1500 });
    } catch {
      return ""; // no code in it, or none that can be read
    }
  };
  return async (source) => {
    if (source instanceof HTMLVideoElement) return read(source, 960);
    for (const side of SIDES) {
      const code = read(source, side);
      if (code) return code;
    }
    return "";
  };
}

/** Why there is no picture, and what can be done about it. */
function excuse(error: unknown): string {
  const otherwise = "Or take a photo of the label, or type the code.";
  switch (error instanceof Error ? error.name : "") {
    case "NotAllowedError":
    case "SecurityError":
      return `This page may not use the camera. Allow it in the browser's settings for this site, and start again. ${otherwise}`;
    case "NotFoundError":
    case "OverconstrainedError":
      return "This device has no camera that can be used. Take a photo of the label with another app, or type the code.";
    case "NotReadableError":
    case "AbortError":
      return `Another program uses the camera. Close it, and start again. ${otherwise}`;
    default:
      return `The camera did not start. ${otherwise}`;
  }
}

function stored(): string {
  try {
    return localStorage.getItem(CAMERA) ?? "";
  } catch {
    return ""; // a private window may forbid it
  }
}

function remember(camera: string): void {
  try {
    localStorage.setItem(CAMERA, camera);
  } catch {
    // then it is chosen again next time
  }
}

const root = document.querySelector<HTMLElement>("[data-scanner]");

function find<Kind extends HTMLElement>(selector: string): Kind {
  const found = root?.querySelector<Kind>(selector);
  if (!found) throw new Error(`the scanner has no ${selector}`);
  return found;
}

class Scanner {
  private readonly video = find<HTMLVideoElement>("video");
  private readonly frame = find(".scan-frame");
  private readonly begin = find<HTMLButtonElement>("[data-scan-start]");
  private readonly halt = find<HTMLButtonElement>("[data-scan-stop]");
  private readonly torch = find<HTMLButtonElement>("[data-scan-torch]");
  private readonly cameras = find("[data-scan-cameras]");
  private readonly camera = find<HTMLSelectElement>("#camera");
  private readonly photo = find<HTMLInputElement>("[data-scan-photo]");
  private readonly status = find("[data-scan-status]");
  private readonly problem = find("[role=alert]");
  private reader?: Promise<Reader>;
  private stream: MediaStream | null = null;
  private round = 0; // counts starts and stops: what belongs to an earlier one is over

  constructor() {
    this.begin.addEventListener("click", () => void this.start(stored()));
    this.halt.addEventListener("click", () => this.stop());
    this.torch.addEventListener("click", () => void this.light());
    this.camera.addEventListener("change", () => {
      remember(this.camera.value);
      void this.start(this.camera.value);
    });
    this.photo.addEventListener("change", () => void this.look());
    // A camera that nobody looks through is off.
    document.addEventListener("visibilitychange", () => {
      if (document.hidden) this.stop();
    });
    addEventListener("pagehide", () => this.stop());
  }

  private read(): Promise<Reader> {
    this.reader ??= makeReader().catch((error: unknown) => {
      this.reader = undefined; // the network may be back later
      throw error;
    });
    return this.reader;
  }

  private say(problem: string, status = ""): void {
    this.problem.textContent = problem;
    this.problem.hidden = !problem;
    this.status.textContent = status;
  }

  private async start(camera: string): Promise<void> {
    this.stop();
    const round = this.round;
    if (!navigator.mediaDevices?.getUserMedia) {
      this.say("Browsers give the camera only to pages with https. Take a photo of the label, or type the code.");
      return;
    }
    this.say("", "The camera starts…");
    try {
      const reader = this.read();
      reader.catch(() => undefined); // waited for below
      const stream = await this.open(camera);
      if (round !== this.round) {
        stop(stream);
        return;
      }
      this.stream = stream;
      this.video.srcObject = stream;
      this.frame.hidden = this.halt.hidden = false;
      this.begin.hidden = true;
      await this.video.play();
      await this.offer(stream);
      const read = await reader;
      if (round === this.round) {
        this.say("", "Looking for a code. Hold the square into the frame.");
        await this.watch(read, round);
      }
    } catch (error) {
      if (round !== this.round) return;
      this.stop();
      this.say(excuse(error));
    }
  }

  /** The camera that was chosen before if it is still there, else the one that looks away from the person. */
  private async open(camera: string): Promise<MediaStream> {
    const size = { width: { ideal: 1280 }, height: { ideal: 960 } };
    const away = { ...size, facingMode: "environment" };
    if (!camera) return navigator.mediaDevices.getUserMedia({ video: away });
    try {
      return await navigator.mediaDevices.getUserMedia({ video: { ...size, deviceId: { exact: camera } } });
    } catch (error) {
      if (!(error instanceof Error) || !["OverconstrainedError", "NotFoundError"].includes(error.name)) throw error;
      return navigator.mediaDevices.getUserMedia({ video: away });
    }
  }

  /** The choice of camera and the light, where there is a choice and a light. */
  private async offer(stream: MediaStream): Promise<void> {
    const track = stream.getVideoTracks()[0];
    const abilities = track?.getCapabilities?.() as { torch?: boolean } | undefined;
    this.torch.hidden = !abilities?.torch;
    const devices = await navigator.mediaDevices.enumerateDevices().catch(() => []);
    const inputs = devices.filter((device) => device.kind === "videoinput");
    const used = track?.getSettings().deviceId ?? "";
    this.camera.replaceChildren(
      ...inputs.map((device, index) => new Option(device.label || `Camera ${index + 1}`, device.deviceId)),
    );
    this.camera.value = used;
    this.cameras.hidden = inputs.length < 2;
  }

  private async watch(read: Reader, round: number): Promise<void> {
    while (round === this.round) {
      const code = await read(this.video).catch(() => "");
      if (round !== this.round) return;
      if (code) {
        this.openPage(code);
        return;
      }
      await new Promise((done) => setTimeout(done, LOOK_EVERY));
    }
  }

  private async light(): Promise<void> {
    const on = this.torch.getAttribute("aria-pressed") !== "true";
    const wanted = { advanced: [{ torch: on }] } as unknown as MediaTrackConstraints;
    try {
      await this.stream?.getVideoTracks()[0]?.applyConstraints(wanted);
      this.torch.setAttribute("aria-pressed", String(on));
    } catch {
      this.torch.hidden = true;
    }
  }

  /** Reads a photo that was just taken, or one of the device. */
  private async look(): Promise<void> {
    const file = this.photo.files?.[0];
    if (!file) return;
    this.stop();
    this.say("", "Looking for a code in the photo…");
    try {
      const read = await this.read();
      const picture = await createImageBitmap(file);
      const code = await read(picture);
      picture.close();
      if (code) this.openPage(code);
      else this.say("No code can be read in this photo. Go nearer, hold still, and see that the square is sharp.");
    } catch {
      this.say("This photo cannot be read. Take another one, or type the code.");
    }
    this.photo.value = "";
  }

  private openPage(code: string): void {
    this.stop();
    const field = document.querySelector<HTMLInputElement>("#code");
    if (!field?.form) return;
    this.say("", "Found. One moment…");
    navigator.vibrate?.(60);
    field.value = code;
    field.form.requestSubmit();
  }

  private stop(): void {
    this.round += 1;
    if (this.stream) stop(this.stream);
    this.stream = this.video.srcObject = null;
    this.frame.hidden = this.halt.hidden = this.torch.hidden = this.cameras.hidden = true;
    this.torch.setAttribute("aria-pressed", "false");
    this.begin.hidden = false;
    this.say("");
  }
}

function stop(stream: MediaStream): void {
  for (const track of stream.getTracks()) track.stop();
}

if (root) {
  new Scanner();
  root.hidden = false;
}

export {};
