import { useRoute } from 'wouter';
import { Page } from '../app/page.tsx';
import { BoardView } from './board-view.tsx';
import './film.css';
import { FilmView } from './film-view.tsx';

/** Several shots that become one clip. `/film/:id` is the job that renders one. */
export default function FilmPage() {
  const [, params] = useRoute('/film/:id');
  return <Page title="Film">{params === null ? <BoardView /> : <FilmView key={params.id} id={decodeURIComponent(params.id)} />}</Page>;
}
