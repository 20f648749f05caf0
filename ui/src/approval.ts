import { mount } from "svelte";
import ApprovalWindow from "./approval/ApprovalWindow.svelte";
import { theme } from "./lib/theme.svelte";
import "./styles/app.css";

theme.follow();
const target = document.getElementById("app");
if (target) mount(ApprovalWindow, { target });
