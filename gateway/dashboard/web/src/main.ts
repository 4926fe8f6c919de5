import { mount } from 'svelte'
import App from './App.svelte'
import { live } from './lib/live.svelte.ts'
import { startTheme } from './lib/theme.svelte.ts'
import './styles/theme.css'
import './styles/base.css'
import 'uplot/dist/uPlot.min.css'

startTheme()
live.start()
mount(App, { target: document.getElementById('app')! })
