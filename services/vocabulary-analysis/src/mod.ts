/**
 * The service vocabulary-analysis.
 * @module
 */
export { readConfig, type VocabularyAnalysisConfig } from './config.ts';
export { createVocabularyAnalysisService, type VocabularyAnalysisService } from './service.ts';
