// What esbuild understands and TypeScript does not: a script may import the styles of a library.
declare module "*.css";
