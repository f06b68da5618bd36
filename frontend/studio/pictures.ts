// Pictures of a diagram: as SVG, and drawn from that as PNG at twice its size.
import { download } from "./dom";

const SCALE = 2;
const MOST = 8192; // pixels in one direction; beyond that browsers draw nothing

function safe(name: string): string {
  return name.replace(/[^\p{L}\p{N} _-]+/gu, " ").trim().slice(0, 80) || "diagram";
}

export async function saveSvg(modeler: any, name: string): Promise<void> {
  const { svg } = await modeler.saveSVG();
  download(`${safe(name)}.svg`, new Blob([svg], { type: "image/svg+xml" }));
}

export async function savePng(modeler: any, name: string): Promise<void> {
  const { svg } = await modeler.saveSVG();
  const address = URL.createObjectURL(new Blob([svg], { type: "image/svg+xml" }));
  try {
    const image = new Image();
    image.src = address;
    await image.decode();
    const scale = Math.min(SCALE, MOST / Math.max(image.width, image.height, 1));
    const canvas = document.createElement("canvas");
    canvas.width = Math.ceil(image.width * scale);
    canvas.height = Math.ceil(image.height * scale);
    const pen = canvas.getContext("2d");
    if (!pen) return;
    pen.fillStyle = "#fff";
    pen.fillRect(0, 0, canvas.width, canvas.height);
    pen.drawImage(image, 0, 0, canvas.width, canvas.height);
    canvas.toBlob((blob) => {
      if (blob) download(`${safe(name)}.png`, blob);
    }, "image/png");
  } finally {
    URL.revokeObjectURL(address);
  }
}
