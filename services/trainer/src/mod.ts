/**
 * The trainer: fine-tunes models, each run in a process of its own.
 * @module
 */
export { readConfig, type TrainerConfig } from './config.ts';
export { createTrainerService, type TrainerService } from './trainer-service.ts';
