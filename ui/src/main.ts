import { mount } from "svelte";
import App from "./App.svelte";
import { theme } from "./lib/theme.svelte";
import "./styles/app.css";

theme.follow();
const target = document.getElementById("app");
if (target) mount(App, { target });
